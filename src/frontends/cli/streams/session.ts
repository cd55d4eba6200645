import type { StreamConnection } from '../../client/stream-connection.ts';
import type { CliInput, CliIo, CliOutput } from '../io.ts';
import { createDetachScanner } from './detach-keys.ts';

export interface SessionOptions {
  /** The process has a terminal: raw bytes both ways, one output. */
  tty: boolean;
  stdin: boolean;
  stdout: boolean;
  stderr: boolean;
  /** Keys that end the session and leave the process; only with `tty` and `stdin`. */
  detachKeys: Buffer;
}

/**
 * Connects this process's streams with a container's until its output ends or the user detaches. The terminal is raw meanwhile and restored
 * in any case.
 */
export async function runSession(
  connection: StreamConnection,
  io: CliIo,
  options: SessionOptions,
): Promise<'ended' | 'detached'> {
  using restore = new DisposableStack();
  const detached = options.stdin ? forwardInput(connection, io, options, restore) : undefined;
  const output = copyOutput(connection, io, options);
  if (detached === undefined) {
    await output;
    return 'ended';
  }
  const reason = await Promise.race([output.then(() => 'ended' as const), detached]);
  if (reason === 'detached') {
    output.catch(() => undefined);
    connection[Symbol.dispose]();
  }
  return reason;
}

async function copyOutput(connection: StreamConnection, io: CliIo, options: SessionOptions): Promise<void> {
  if (options.tty || connection.multiplexed === false) {
    for await (const chunk of connection.output()) if (options.stdout) await writeOut(io.stdout, chunk);
    return;
  }
  await connection.demultiplex((stream, piece) => {
    if (stream === 'stderr') return options.stderr ? writeOut(io.stderr, piece) : undefined;
    return options.stdout ? writeOut(io.stdout, piece) : undefined;
  });
}

/** One promise per output however many pieces wait for it. */
const draining = new WeakMap<CliOutput, Promise<void>>();

/** Writes; a promise only when the reader on the other side is slow. */
export function writeOut(out: CliOutput, piece: Uint8Array): Promise<void> | undefined {
  if (out.write(piece)) return undefined;
  const waited = draining.get(out);
  if (waited) return waited;
  const drained = new Promise<void>((resolve) => {
    const done = (): void => {
      draining.delete(out);
      out.off('drain', done);
      out.off('close', done);
      out.off('error', done);
      resolve();
    };
    out.on('drain', done);
    out.on('close', done);
    out.on('error', done);
  });
  draining.set(out, drained);
  return drained;
}

/** Resolves with `detached` when the user types the detach keys; otherwise never. */
function forwardInput(
  connection: StreamConnection,
  io: CliIo,
  options: SessionOptions,
  restore: DisposableStack,
): Promise<'detached'> {
  const { stdin }: { stdin: CliInput } = io;
  const { input } = connection;
  const scanner = options.tty ? createDetachScanner(options.detachKeys) : undefined;
  if (options.tty && stdin.isTTY === true && stdin.setRawMode) {
    stdin.setRawMode(true);
    restore.defer(() => void stdin.setRawMode?.(false));
    void io.passOutputThrough?.().then(
      (output) => (restore.disposed ? output[Symbol.dispose]() : restore.use(output)),
      // Doubled line ends are no reason to end a session.
      () => undefined,
    );
  }
  return new Promise((resolve) => {
    const onData = (chunk: Buffer): void => {
      const scanned = scanner?.push(chunk) ?? { forward: chunk, detached: false };
      if (scanned.forward.length > 0 && !input.write(scanned.forward)) stdin.pause();
      if (scanned.detached) resolve('detached');
    };
    const onEnd = (): void => void input.end();
    const onDrain = (): void => void stdin.resume();
    // The process may be gone while input still arrives; its end shows on the output side.
    const onError = (): void => void stdin.pause();
    stdin.on('data', onData);
    stdin.on('end', onEnd);
    input.on('drain', onDrain);
    input.on('error', onError);
    restore.defer(() => {
      stdin.off('data', onData);
      stdin.off('end', onEnd);
      input.off('drain', onDrain);
      stdin.pause();
    });
  });
}
