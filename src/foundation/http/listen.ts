import { chmod, chown, lstat, mkdir, unlink } from 'node:fs/promises';
import { type Server, createConnection } from 'node:net';
import { dirname } from 'node:path';
import { conflict, invalid } from '../base/errors.ts';
import type { ListenAddress } from './http.ts';

/** `sun_path` of unix(7) with its final zero. */
const maximumSocketPath = 107;
/** chown(2): this id stays. */
const ownId = -1;
export const isLoopback = (host: string): boolean =>
  /^(localhost|127\.\d+\.\d+\.\d+|::1|\[::1\])$/.test(host);

/** Reads `unix:///PATH` or `tcp://HOST:PORT`. */
export function parseListenAddress(text: string): ListenAddress {
  if (text.startsWith('unix://')) {
    const path = text.slice('unix://'.length);
    if (!path.startsWith('/'))
      throw invalid(`"${text}" must name an absolute path, as in unix:///run/silo.sock`);
    if (Buffer.byteLength(path) > maximumSocketPath)
      throw invalid(
        `the socket path ${path} is longer than the ${maximumSocketPath} bytes that the kernel allows`,
        {
          hint: 'choose a shorter path',
        },
      );
    return { kind: 'unix', path };
  }
  const match = /^tcp:\/\/(\[[0-9a-fA-F:.]+\]|[^:/[\]]+):(\d{1,5})\/?$/.exec(text);
  if (!match || Number(match[2]) > 65_535)
    throw invalid(`"${text}" is not an address to listen on`, {
      hint: 'want unix:///PATH or tcp://127.0.0.1:PORT',
    });
  return { kind: 'tcp', host: match[1] ?? '', port: Number(match[2]) };
}

/** Binds and listens. The caller owns the server and closes it. */
export async function listenOn(
  server: Server,
  address: ListenAddress,
  audience: 'engine' | 'anybody' = 'engine',
): Promise<ListenAddress> {
  if (address.kind === 'unix') {
    await prepareSocketPath(address);
    await listenUnix(server, address.path);
    // Without one the mode is for the owner alone: programs in containers often have the group 0, whoever their user is.
    if (address.groupId === undefined) return address;
    await chown(address.path, ownId, address.groupId);
    await chmod(address.path, 0o660);
    return address;
  }
  // Whoever may speak to the engine is root on this machine: without TLS, only this machine may.
  if (audience === 'engine' && !isLoopback(address.host))
    throw invalid(`refusing to serve on ${address.host}: without TLS only loopback addresses are allowed`, {
      hint: 'make certificates with `silo tls init` and add --tlsverify, or use tcp://127.0.0.1:PORT',
    });
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(address.port, address.host.replace(/^\[|\]$/g, ''), () => {
      server.off('error', reject);
      resolve();
    });
  });
  const bound = server.address();
  return { ...address, port: typeof bound === 'object' && bound !== null ? bound.port : address.port };
}

/** Makes the folder, which the socket's group may pass, and removes a socket that nobody answers on. */
async function prepareSocketPath({ path, groupId }: { path: string; groupId?: number }): Promise<void> {
  const made = await mkdir(dirname(path), { recursive: true, mode: 0o710 });
  if (made !== undefined && groupId !== undefined) await chown(dirname(path), ownId, groupId);
  const existing = await lstat(path).catch(() => undefined);
  if (existing === undefined) return;
  if (!existing.isSocket())
    throw conflict(`${path} exists and is not a socket`, { hint: 'remove it, or choose another path' });
  if (await isAnswering(path))
    throw conflict(`another daemon answers on ${path}`, {
      code: 'socket-in-use',
      hint: 'stop it, or start this one with -H unix:///ANOTHER/PATH',
    });
  await unlink(path).catch((error: NodeJS.ErrnoException) => {
    if (error.code !== 'ENOENT') throw error;
  });
}

function isAnswering(path: string): Promise<boolean> {
  return new Promise((resolve) => {
    const probe = createConnection(path);
    probe.once('connect', () => {
      probe.destroy();
      resolve(true);
    });
    probe.once('error', () => resolve(false));
  });
}

function listenUnix(server: Server, path: string): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    // bind(2) happens inside `listen`: the socket is never open to others, not even until the chmod.
    const before = process.umask(0o177);
    try {
      server.listen(path, () => {
        server.off('error', reject);
        resolve();
      });
    } finally {
      process.umask(before);
    }
  });
}
