import { existsSync } from 'node:fs';
import type { Command } from './command.ts';
import { configPath } from './credentials/config-path.ts';
import type { CliIo } from './io.ts';
import { visible } from './output/text.ts';

/** What `config.json` of Docker's client holds besides accounts. */
type Preferences = Readonly<Record<string, unknown>>;

/** A file that cannot be read is told, and does not keep a command from its work. */
async function readPreferences(io: Pick<CliIo, 'env' | 'stderr'>): Promise<Preferences> {
  const path = configPath(io.env);
  if (!existsSync(path)) return {};
  const { readClientConfig } = await import('./credentials/config-file.ts');
  try {
    return (await readClientConfig(path)).document;
  } catch (error) {
    io.stderr.write(`WARNING: ${visible(error instanceof Error ? error.message : String(error))}\n`);
    return {};
  }
}

/** Fills in options that were not given: the format of a list (`psFormat`), the keys that detach (`detachKeys`). */
export async function applyPreferences(
  command: Command,
  parsed: { values: Record<string, unknown>; given: ReadonlySet<string> },
  io: Pick<CliIo, 'env' | 'stderr'>,
): Promise<void> {
  const wanted: [option: string, key: string][] = [];
  if (command.formatPreference !== undefined) wanted.push(['format', command.formatPreference]);
  if (command.options['detach-keys'] !== undefined) wanted.push(['detach-keys', 'detachKeys']);
  const open = wanted.filter(([option]) => !parsed.given.has(option));
  if (open.length === 0) return;
  const preferences = await readPreferences(io);
  for (const [option, key] of open) {
    const value = preferences[key];
    if (typeof value === 'string' && value !== '') parsed.values[option] = value;
  }
}

const proxyNames: Readonly<Record<string, string>> = {
  httpProxy: 'HTTP_PROXY',
  httpsProxy: 'HTTPS_PROXY',
  ftpProxy: 'FTP_PROXY',
  noProxy: 'NO_PROXY',
  allProxy: 'ALL_PROXY',
};

/** Variables for what runs in containers and builds, as `proxies` says for this host or by default: each in capitals and in small letters. */
export async function proxyVariables(
  io: Pick<CliIo, 'env' | 'stderr'>,
  host: string,
): Promise<Record<string, string>> {
  const { proxies } = await readPreferences(io);
  const found = recordOf(recordOf(proxies)[host] ?? recordOf(proxies)['default']);
  return Object.fromEntries(
    Object.entries(proxyNames).flatMap(([key, name]) => {
      const value = found[key];
      return typeof value === 'string' && value !== ''
        ? [
            [name, value],
            [name.toLowerCase(), value],
          ]
        : [];
    }),
  );
}

const recordOf = (value: unknown): Record<string, unknown> =>
  typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : {};
