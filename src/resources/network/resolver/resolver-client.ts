import { spawn } from 'node:child_process';
import { rmSync } from 'node:fs';
import { connect, type Socket } from 'node:net';
import { createInterface } from 'node:readline';
import { internal, timedOut, unavailable } from '../../../foundation/base/errors.ts';
import type { Log } from '../../../foundation/base/log.ts';
import {
  type Resolver,
  type ResolverAnswer,
  type ResolverContainer,
  type ResolverMessage,
  resolverProtocol,
} from './resolver.ts';

export interface ResolverOptions {
  /** Program and first words of the process; the path is added. */
  command: readonly string[];
  /** Of the socket at which the process listens; below the exec root. */
  path: string;
  log: Log;
}

const answerMs = 10_000;
/** Of a process that is there: one that is stopped takes connections and says nothing. */
const greetingMs = 5_000;
const startMs = 10_000;
/** A process that dies again and again is started this often. */
const restartMs = 1_000;

interface Connection {
  socket: Socket;
  waiting: Map<number, PromiseWithResolvers<void>>;
}

type Unnumbered = ResolverMessage extends infer M
  ? M extends ResolverMessage
    ? Omit<M, 'id'>
    : never
  : never;

/** The engine's side: finds the process of an earlier engine or starts one when the first container needs it, and again when it dies. */
export function createResolver({ command, path, log }: ResolverOptions): Resolver {
  const containers = new Map<string, ResolverContainer>();
  let connecting: Promise<Connection> | undefined;
  let restart: ReturnType<typeof setTimeout> | undefined;
  let closed = false;
  let lastId = 0;

  const onLost = (connection: Connection): void => {
    const lost = unavailable('the resolver ended', { code: 'resolver-ended' });
    for (const { reject } of connection.waiting.values()) reject(lost);
    connecting = undefined;
    if (closed || containers.size === 0) return;
    log.warn('the process that answers names of containers ended; it is started again');
    restart ??= setTimeout(() => {
      restart = undefined;
      send({ type: 'restore', containers: [...containers.values()] }).catch((error: unknown) =>
        log.error('names of containers are not answered', { error: String(error) }),
      );
    }, restartMs);
  };

  const ensure = (): Promise<Connection> => {
    connecting ??= (async () => {
      const existing = await tryConnect(path, onLost);
      if (existing) return existing;
      rmSync(path, { force: true });
      await startProcess([...command, path]);
      const started = await tryConnect(path, onLost);
      if (!started) throw unavailable('the resolver did not start', { code: 'resolver-start' });
      return started;
    })();
    connecting.catch(() => {
      connecting = undefined;
    });
    return connecting;
  };

  const send = async (message: Unnumbered): Promise<void> => {
    const { socket, waiting } = await ensure();
    const id = ++lastId;
    const answer = Promise.withResolvers<void>();
    waiting.set(id, answer);
    const timer = setTimeout(
      () => answer.reject(timedOut('the resolver did not answer', { code: 'resolver-timeout' })),
      answerMs,
    );
    try {
      socket.write(`${JSON.stringify({ ...message, id })}\n`);
      await answer.promise;
    } finally {
      clearTimeout(timer);
      waiting.delete(id);
    }
  };

  return {
    async restore(all) {
      containers.clear();
      for (const container of all) containers.set(container.containerId, container);
      // With nobody to serve, a process of an earlier engine ends by itself once it was told so.
      if (all.length === 0 && !(await tryConnect(path, onLost).then(adopt))) return;
      await send({ type: 'restore', containers: all });
    },
    async put(container) {
      containers.set(container.containerId, container);
      await send({ type: 'put', container });
    },
    async drop(containerId) {
      if (!containers.delete(containerId)) return;
      await send({ type: 'drop', containerId });
    },
    async [Symbol.asyncDispose]() {
      closed = true;
      clearTimeout(restart);
      const connection = await connecting?.catch(() => undefined);
      connection?.socket.destroy();
    },
  };

  function adopt(connection: Connection | undefined): boolean {
    if (connection) connecting = Promise.resolve(connection);
    return connection !== undefined;
  }
}

/** The process that listens at the path, if it speaks as this engine does; one of another version is told to end. */
async function tryConnect(
  path: string,
  onLost: (connection: Connection) => void,
): Promise<Connection | undefined> {
  const socket = connect(path);
  const connection: Connection = { socket, waiting: new Map() };
  const greeting = Promise.withResolvers<{ protocol: number; pid: number } | undefined>();
  let greeted = false;
  socket.on('error', () => greeting.resolve(undefined));
  socket.on('close', () => {
    greeting.resolve(undefined);
    if (greeted) onLost(connection);
  });
  const lines = createInterface({ input: socket });
  // It passes the socket's errors on, which are heard above.
  lines.on('error', () => undefined);
  lines.on('line', (line) => {
    if (!greeted) {
      greeted = true;
      greeting.resolve(JSON.parse(line) as { protocol: number; pid: number });
      return;
    }
    const { id, error } = JSON.parse(line) as ResolverAnswer;
    const waiting = connection.waiting.get(id);
    if (error === undefined) waiting?.resolve();
    else waiting?.reject(internal(`the resolver: ${error}`, { code: 'resolver' }));
  });
  const timer = setTimeout(
    () => greeting.reject(timedOut('the resolver does not answer', { code: 'resolver-timeout' })),
    greetingMs,
  );
  const hello = await greeting.promise
    .catch((error: unknown) => {
      socket.destroy();
      throw error;
    })
    .finally(() => clearTimeout(timer));
  if (!hello) return undefined;
  if (hello.protocol === resolverProtocol) return connection;
  greeted = false;
  process.kill(hello.pid, 'SIGTERM');
  await new Promise((resolve) => socket.once('close', resolve));
  return undefined;
}

/** Resolves when it listens: one byte on its standard output. It lives on when the engine ends. */
async function startProcess(command: readonly string[]): Promise<void> {
  const [program = '', ...args] = command;
  const child = spawn(program, args, { detached: true, cwd: '/', stdio: ['ignore', 'pipe', 'inherit'] });
  const ready = Promise.withResolvers<boolean>();
  const timer = setTimeout(() => ready.resolve(false), startMs);
  child.stdout.once('data', () => ready.resolve(true));
  child.once('error', () => ready.resolve(false));
  child.once('exit', () => ready.resolve(false));
  const isReady = await ready.promise;
  clearTimeout(timer);
  child.stdout.destroy();
  child.unref();
  if (!isReady) {
    child.kill('SIGKILL');
    throw unavailable('the resolver did not start', { code: 'resolver-start' });
  }
}
