import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { openRegistryServer, type RunningRegistry } from '../../src/bin/registry-server.ts';
import { type GivenOptions, resolveRegistrySettings } from '../../src/engine/registry/settings.ts';
import { createLog } from '../../src/foundation/base/log.ts';

/** The registry server with its settings, in this process, over a folder of its own on a free loopback port. */
export interface EdgeRegistry extends AsyncDisposable {
  readonly host: string;
  readonly url: string;
  /** Holds `root` and what the test puts beside it. */
  readonly folder: string;
  readonly server: RunningRegistry;
  readonly log: string[];
}

/** `ali` with the password `open-sesame`, as in the tests of the client; the cost is the smallest. */
export const users = 'ali:$2b$04$6Eib4uVzuED2IeUDYIFDL.sgQJukjQx4nnWQTS3fLR.6oYqQIr5V2\n';
export const basic = (text: string) => ({ authorization: `Basic ${Buffer.from(text).toString('base64')}` });
export const ali = basic('ali:open-sesame');

/** `files` are written first; their names stand in options as `@NAME`. */
export async function startEdge(
  given: GivenOptions,
  files: Record<string, string> = {},
  patience?: Parameters<typeof openRegistryServer>[2],
): Promise<EdgeRegistry> {
  await using undo = new AsyncDisposableStack();
  const folder = await mkdtemp(join(tmpdir(), 'silo-edge-'));
  undo.defer(() => rm(folder, { recursive: true, force: true }));
  for (const [name, text] of Object.entries(files)) await writeFile(join(folder, name), text);
  const options = Object.entries(given).map(([name, value]) => [
    name,
    typeof value === 'string' && value.startsWith('@') ? join(folder, value.slice(1)) : value,
  ]);
  const settings = resolveRegistrySettings({
    addr: '127.0.0.1:0',
    root: join(folder, 'root'),
    ...(Object.fromEntries(options) as GivenOptions),
  });
  const log: string[] = [];
  const server = undo.use(
    await openRegistryServer(
      settings,
      createLog((line) => log.push(line)),
      patience,
    ),
  );
  const kept = undo.move();
  return {
    host: server.host,
    url: `${server.secure ? 'https' : 'http'}://${server.host}`,
    folder,
    server,
    log,
    [Symbol.asyncDispose]: () => kept.disposeAsync(),
  };
}

/** Runs skopeo and resolves to its exit code and what it said. */
export async function skopeo(...words: string[]): Promise<{ code: number | null; text: string }> {
  const child = spawn('skopeo', ['--insecure-policy', ...words], { stdio: ['ignore', 'pipe', 'pipe'] });
  let text = '';
  for (const stream of [child.stdout, child.stderr])
    stream.on('data', (data: Buffer) => (text += data.toString()));
  const [code] = (await once(child, 'close')) as [number | null];
  return { code, text };
}

/** Sends bytes as they are and resolves to all that came until the connection closed. */
export function rawExchange(host: string, text: string, { read = true } = {}): Promise<string> {
  const [name = '', port = ''] = host.split(':');
  return new Promise((resolve) => {
    let received = '';
    const socket = connect(Number(port), name, () => void socket.write(text));
    socket.on('data', (chunk: Buffer) => (received += chunk.toString('latin1')));
    socket.on('error', () => undefined);
    // Who does not read learns of the end by writing only; this is far rarer than the shortest idle time of a test.
    const probe = read ? undefined : setInterval(() => socket.write('\r\n'), 2000);
    socket.on('close', () => {
      clearInterval(probe);
      resolve(received);
    });
    if (!read) socket.pause();
  });
}
