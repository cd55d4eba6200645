import { conflict, isKind } from '../../../foundation/base/errors.ts';
import type { AttachedStreams } from '../../../resources/runtime/runtime.ts';
import type { AttachRequest, ContainerRecord, ContainerStreams, OutputSink } from '../container.ts';
import type { Context, ParkedClient } from '../context.ts';
import { publish } from '../context.ts';
import { readLogs } from './logs.ts';
import { pump } from './pump.ts';
import { isRunning } from '../state.ts';

export const createAttach =
  (context: Context): ContainerStreams['attach'] =>
  async (nameOrId, request) => {
    const record = context.store.get(nameOrId);
    if (record.state.status === 'paused')
      throw conflict(`container ${record.name} is paused, unpause the container before attach`, {
        code: 'container-paused',
      });
    if (request.logs) await replay(context, record, request);
    if (!request.stream) {
      request.onReady?.();
      return { reason: 'ended' };
    }
    const connection = await connect(context, record, request);
    if (!connection) return { reason: request.signal?.aborted ? 'client-gone' : 'ended' };
    publish(context, record, 'attach');
    const { openStdin } = record.config;
    const { stdin, output, ...rest } = request;
    const seen = output && countingSink(output);
    const outcome = await pump(connection.streams, {
      ...rest,
      ...(seen ? { output: seen } : {}),
      ...(stdin && openStdin ? { stdin } : {}),
    });
    if (outcome.reason === 'detached') publish(context, record, 'detach');
    if (outcome.reason === 'ended' && seen?.isUntouched())
      await replayUnseen(context, record, request, connection.sinceMs);
    return outcome;
  };

function countingSink(output: OutputSink): OutputSink & { isUntouched(): boolean } {
  let untouched = true;
  return {
    write(stream, chunk) {
      untouched = false;
      return output.write(stream, chunk);
    },
    drained: () => output.drained(),
    isUntouched: () => untouched,
  };
}

/**
 * A monitor that gets no processor between its first message and its main loop, while a short program ends, never accepts a connection: what was
 * printed is in the log only. All or nothing, so a client that saw nothing gets the log of the time in which it was connected.
 */
async function replayUnseen(
  context: Context,
  record: ContainerRecord,
  request: AttachRequest,
  sinceMs: number,
): Promise<void> {
  try {
    if (record.config.log.driver !== 'none') await replay(context, record, request, sinceMs);
  } catch (error) {
    // `--rm` has taken the log already.
    if (!isKind(error, 'not-found')) throw error;
  }
}

interface Connection {
  streams: AttachedStreams;
  /** When it was there; of a run that is about to start before its first instruction. */
  sinceMs: number;
}

/** Streams of the running container, or of its next run: parked until `start` hands them over. */
async function connect(
  context: Context,
  record: ContainerRecord,
  request: AttachRequest,
): Promise<Connection | undefined> {
  // Not the promise itself: the lock is not held while the start is waited for.
  const { connection } = await context.locks.run(record.id, async () => {
    const input = request.stdin !== undefined && record.config.openStdin;
    if (!isRunning(context.store.get(record.id).state))
      return { connection: park(context, record, { input, signal: request.signal }) };
    const streams = await context.driver.streams.attach({ id: record.id }, { input });
    return { connection: { streams, sinceMs: context.now() } };
  });
  request.onReady?.();
  return connection;
}

function park(
  context: Context,
  record: ContainerRecord,
  { input, signal }: { input: boolean; signal: AbortSignal | undefined },
): Promise<Connection | undefined> {
  const { parked } = context.live.of(record.id);
  const { promise, resolve } = Promise.withResolvers<Connection | undefined>();
  const client: ParkedClient = {
    input,
    settle(streams) {
      parked.delete(client);
      signal?.removeEventListener('abort', onAbort);
      resolve(streams && { streams, sinceMs: context.now() });
    },
  };
  const onAbort = (): void => client.settle(undefined);
  parked.add(client);
  signal?.addEventListener('abort', onAbort, { once: true });
  if (signal?.aborted) onAbort();
  return promise;
}

async function replay(
  context: Context,
  record: ContainerRecord,
  { stdout, stderr, output, signal }: AttachRequest,
  sinceMs?: number,
): Promise<void> {
  const batches = readLogs(context, record, {
    stdout,
    stderr,
    follow: false,
    ...(sinceMs === undefined ? {} : { sinceMs }),
    ...(signal ? { signal } : {}),
  });
  for await (const batch of batches)
    for (const entry of batch) if (output?.write(entry.stream, entry.text) === false) await output.drained();
}

/** Gives each parked client its streams; called between create and start, when the process exists but has not run. */
export async function handOverParked(context: Context, record: ContainerRecord): Promise<void> {
  const { parked } = context.live.of(record.id);
  const clients = [...parked];
  const streams = await context.driver.streams.attachTogether(record.id, clients);
  for (const [place, client] of clients.entries())
    if (parked.has(client)) client.settle(streams[place]);
    else streams[place]?.[Symbol.dispose]();
}

/** Lets parked clients go: the start failed or the container is removed. */
export function releaseParked(context: Context, record: Pick<ContainerRecord, 'id'>): void {
  const { parked } = context.live.of(record.id);
  for (const { settle } of parked) settle(undefined);
}
