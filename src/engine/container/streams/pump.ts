import type { AttachedStreams } from '../../../resources/runtime/runtime.ts';
import type { AttachOutcome, AttachRequest } from '../container.ts';
import { createDetachMatcher } from './detach-keys.ts';

type PumpRequest = Pick<AttachRequest, 'stdin' | 'output' | 'signal' | 'detachKeys'> & {
  stdout: boolean;
  stderr: boolean;
};

/**
 * Joins a client with a process until the process' output ended, the client detached, or the client went away. Slow clients hold back only
 * themselves: their monitor connection is paused until they drained.
 */
export async function pump(streams: AttachedStreams, request: PumpRequest): Promise<AttachOutcome> {
  const { output, stdin, signal } = request;
  streams.onOutput((stream, chunk) => {
    if (!output || !request[stream]) return true;
    if (output.write(stream, chunk)) return true;
    output.drained().then(
      () => streams.resume(),
      () => streams.resume(),
    );
    return false;
  });
  const gone = Promise.withResolvers<AttachOutcome>();
  const leave = (): void => gone.resolve({ reason: 'client-gone' });
  if (signal?.aborted) leave();
  signal?.addEventListener('abort', leave, { once: true });
  const ended = streams.closed.then((): AttachOutcome => ({ reason: 'ended' }));
  const detached = Promise.withResolvers<AttachOutcome>();
  if (stdin)
    void forwardInput(stdin, streams, request.detachKeys).then((isDetached) => {
      if (isDetached) detached.resolve({ reason: 'detached' });
    }, leave);
  try {
    const outcome = await Promise.race([ended, gone.promise, detached.promise]);
    if (outcome.reason === 'ended') await output?.drained();
    return outcome;
  } finally {
    signal?.removeEventListener('abort', leave);
    streams[Symbol.dispose]();
  }
}

/** Resolves true when the detach sequence was typed, false at the end of input (which is passed on). */
async function forwardInput(
  stdin: NonNullable<AttachRequest['stdin']>,
  streams: AttachedStreams,
  keys: Uint8Array | undefined,
): Promise<boolean> {
  const match = createDetachMatcher(keys ?? new Uint8Array());
  for await (const chunk of stdin as AsyncIterable<Uint8Array>) {
    const { pass, detached } = match(chunk);
    if (pass.length > 0) await write(streams, pass);
    if (detached) return true;
  }
  streams.endInput();
  return false;
}

/** A process that has ended takes nothing more. What it printed is still on its way, and the end of that is the end. */
async function write(streams: AttachedStreams, chunk: Uint8Array): Promise<void> {
  try {
    await streams.write(chunk);
  } catch (error) {
    await streams.closed;
    throw error;
  }
}
