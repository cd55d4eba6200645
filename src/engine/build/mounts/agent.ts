import { createServer } from 'node:net';
import type { Duplex } from 'node:stream';
import type { Log } from '../../../foundation/base/log.ts';
import { type FileOwner, setOwner } from './private-folder.ts';

/** A program that opens ever more must not use up what the client has. */
const mostConnections = 64;

/** Listens at the path; each connection becomes one to the client's agent. Disposing ends them all. */
export async function serveAgent(
  path: string,
  owner: FileOwner,
  { connect, log }: { connect: () => Promise<Duplex | undefined>; log: Log },
): Promise<AsyncDisposable> {
  const open = new Set<Duplex>();
  const close = (stream: Duplex): void => {
    open.delete(stream);
    stream.destroy();
  };
  const server = createServer({ allowHalfOpen: true }, (socket) => {
    open.add(socket);
    // Before the agent answers it may be gone.
    socket.on('error', () => close(socket)).once('close', () => close(socket));
    void join(socket).catch((error: unknown) => {
      log.debug(`an SSH agent of a build: ${String(error)}`);
      close(socket);
    });
  });
  const join = async (socket: Duplex): Promise<void> => {
    if (open.size > mostConnections * 2) return close(socket);
    const agent = await connect();
    if (!agent) return close(socket);
    open.add(agent);
    agent.on('error', () => close(socket)).once('close', () => close(socket));
    socket.once('close', () => close(agent));
    if (socket.destroyed) return close(agent);
    socket.pipe(agent);
    agent.pipe(socket);
  };
  const listening = Promise.withResolvers<void>();
  server.once('error', listening.reject).listen(path, listening.resolve);
  await listening.promise;
  await setOwner(path, owner);
  return {
    [Symbol.asyncDispose]() {
      const closed = Promise.withResolvers<void>();
      server.close(() => closed.resolve());
      for (const stream of open) close(stream);
      return closed.promise;
    },
  };
}
