import { chmodSync } from 'node:fs';
import { createServer, type Socket } from 'node:net';
import { createInterface } from 'node:readline';
import { toSiloError } from '../../../foundation/base/errors.ts';
import { createKeyLock } from '../../../foundation/base/key-lock.ts';
import { createReactor } from '../../../foundation/kernel/reactor.ts';
import { createForwarder } from './forwarder.ts';
import { listenInside, type Listeners } from './listeners.ts';
import { createNameTable } from './name-table.ts';
import { createQuestions } from './questions.ts';
import {
  type ResolverAnswer,
  type ResolverContainer,
  type ResolverMessage,
  resolverProtocol,
} from './resolver.ts';

/** Without a first engine after this time there will be none. */
const firstEngineMs = 10_000;

/**
 * Main function of the resolver's process: listens for the engine at the path, serves containers, and resolves with the exit code once the engine is gone
 * and no container is left. `onReady` is called when an engine can connect.
 */
export async function serveResolver(path: string, onReady: () => void): Promise<number> {
  const table = createNameTable();
  const listeners = new Map<string, Listeners>();
  const locks = createKeyLock();
  using reactor = createReactor();
  using forwarder = createForwarder();
  const ended = Promise.withResolvers<number>();
  const engines = new Set<Socket>();
  const endWhenIdle = (): void => {
    if (engines.size === 0 && listeners.size === 0) ended.resolve(0);
  };

  const drop = (containerId: string): void => {
    table.drop(containerId);
    listeners.get(containerId)?.[Symbol.dispose]();
    listeners.delete(containerId);
  };
  const put = async (container: ResolverContainer): Promise<void> => {
    const { containerId, pid, namespace } = container;
    const known = listeners.get(containerId);
    table.put(container);
    if (known?.pid === pid && known.namespace === namespace) return;
    known?.[Symbol.dispose]();
    listeners.delete(containerId);
    const questions = createQuestions(table, forwarder, containerId);
    const onEnd = (): void => {
      if (listeners.get(containerId)?.pid !== pid) return;
      drop(containerId);
      endWhenIdle();
    };
    listeners.set(containerId, await listenInside(container, questions, { reactor, onEnd }));
  };
  const obey = async (message: ResolverMessage): Promise<void> => {
    switch (message.type) {
      case 'put':
        return locks.run(message.container.containerId, () => put(message.container));
      case 'drop':
        return locks.run(message.containerId, async () => drop(message.containerId));
      case 'restore': {
        const wanted = new Set(message.containers.map(({ containerId }) => containerId));
        for (const containerId of listeners.keys()) if (!wanted.has(containerId)) drop(containerId);
        const results = await Promise.allSettled(
          message.containers.map((container) => locks.run(container.containerId, () => put(container))),
        );
        const failed = results.find((result) => result.status === 'rejected');
        if (failed) throw failed.reason;
      }
    }
  };

  const server = createServer((socket) => {
    engines.add(socket);
    socket.on('error', () => undefined);
    socket.on('close', () => {
      engines.delete(socket);
      endWhenIdle();
    });
    const say = (answer: ResolverAnswer): void => void socket.write(`${JSON.stringify(answer)}\n`);
    socket.write(`${JSON.stringify({ protocol: resolverProtocol, pid: process.pid })}\n`);
    const lines = createInterface({ input: socket });
    lines.on('error', () => undefined);
    lines.on('line', (line) => {
      const message = JSON.parse(line) as ResolverMessage;
      obey(message).then(
        () => say({ id: message.id }),
        (error: unknown) => say({ id: message.id, error: toSiloError(error).message }),
      );
    });
  });
  server.on('error', () => ended.resolve(1));
  server.listen(path, () => {
    chmodSync(path, 0o600);
    onReady();
  });
  setTimeout(endWhenIdle, firstEngineMs);
  const code = await ended.promise;
  server.close();
  return code;
}
