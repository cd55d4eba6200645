import { readFile } from 'node:fs/promises';
import { invalid } from '../../foundation/base/errors.ts';
import type { Log } from '../../foundation/base/log.ts';
import type { Reference } from '../../foundation/oci/reference.ts';
import type {
  RegistryAccess,
  RegistryClient,
  RegistryCredentials,
  RegistryPublisher,
} from './distribution.ts';
import { createMirroredClient, createMirrorHealth, type Mirror } from './mirrored-client.ts';
import { createRegistryClient } from './registry-client.ts';
import type { MirrorSettings, RegistrySettings } from './registry-config.ts';
import { createRegistryPublisher } from './registry-publisher.ts';
import type { RetryPolicy } from './retry.ts';
import type { Transport } from './transport.ts';

export interface RegistriesOptions {
  transport: Transport;
  /** By the host in the names of images. */
  settings: Readonly<Record<string, RegistrySettings>>;
  log: Log;
  now: () => number;
}

/** Clients of all registries as they are configured; one per engine. */
export interface Registries {
  client(access: RegistryAccess): RegistryClient;
  /** Always the registry itself: mirrors are read only. */
  publisher(access: RegistryAccess): RegistryPublisher;
}

/** There is another place to ask, so one stumble is enough. */
const mirrorRetry: RetryPolicy = { attempts: 2, baseMs: 250, maximumWaitMs: 2000 };
const mirrorAnswerMs = 10_000;

export function createRegistries({ transport, settings, log, now }: RegistriesOptions): Registries {
  const health = createMirrorHealth(now);
  const entries = Object.entries(settings);
  const insecure = entries.filter(([, registry]) => registry.insecure).map(([host]) => host);
  const tokenServers = Object.fromEntries(
    entries.map(([host, registry]) => [
      host === 'docker.io' ? 'registry-1.docker.io' : host,
      registry.tokenServers,
    ]),
  );
  const settingsOf = (host: string): readonly MirrorSettings[] => {
    const key = host.toLowerCase();
    return Object.hasOwn(settings, key) ? (settings[key]?.mirrors ?? []) : [];
  };
  const accessFor = (access: RegistryAccess): RegistryAccess => ({
    ...access,
    insecure: [...access.insecure, ...insecure],
    tokenServers: { ...tokenServers, ...access.tokenServers },
  });
  const mirrorOf = async (mirror: MirrorSettings): Promise<Mirror> => {
    const { origin, host, protocol, pathname } = new URL(mirror.url);
    const prefix = pathname.replace(/^\/+|\/+$/g, '');
    const credentials = mirror.account && (await accountOf(mirror.account));
    return {
      name: mirror.url,
      tags: mirror.tags,
      client: createRegistryClient({
        transport,
        retry: mirrorRetry,
        answerMs: mirrorAnswerMs,
        access: {
          insecure: mirror.insecure || protocol === 'http:' ? [host] : [],
          origin: new URL(`${origin}/v2/`),
          ...(credentials ? { credentials } : {}),
        },
      }),
      at: (reference: Reference) => ({
        ...reference,
        host,
        path: prefix === '' ? reference.path : `${prefix}/${reference.path}`,
      }),
    };
  };
  return {
    client(access) {
      const origin = createRegistryClient({ transport, access: accessFor(access) });
      const known = new Map<string, Promise<Mirror[]>>();
      return createMirroredClient({
        origin,
        health,
        mirrorsOf(host) {
          const found = known.get(host) ?? Promise.all(settingsOf(host).map(mirrorOf));
          known.set(host, found);
          return found;
        },
        onFailure: (mirror, { message, code, kind }) =>
          // A cache need not have everything.
          log[kind === 'not-found' ? 'debug' : 'warn']('a mirror failed, the next place is asked', {
            mirror,
            code,
            message,
          }),
      });
    },
    publisher: (access) => createRegistryPublisher({ transport, access: accessFor(access) }),
  };
}

async function accountOf({
  username,
  passwordFile,
}: NonNullable<MirrorSettings['account']>): Promise<RegistryCredentials> {
  try {
    const [password = ''] = (await readFile(passwordFile, 'utf8')).slice(0, 64 * 1024).split(/\r?\n/, 1);
    return { username, password };
  } catch (cause) {
    throw invalid(`cannot read the password of a mirror's account from ${passwordFile}: ${String(cause)}`, {
      code: 'bad-configuration',
      cause,
    });
  }
}
