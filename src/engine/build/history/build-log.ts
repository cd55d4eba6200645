import { createReadStream } from 'node:fs';
import { open, type FileHandle } from 'node:fs/promises';
import { createInterface } from 'node:readline';
import type { BuildProgress } from '../solve/types.ts';

/** Of the output of one step: what is kept from its beginning and its end, and of a build in all. */
export const logLimits = { head: 256 << 10, tail: 16 << 10, all: 4 << 20 };

/** What a build told, line for line, with the middle of long outputs left out. */
export interface BuildLog {
  add(progress: BuildProgress): void;
  /** Kind of the first failure to write, if any. */
  close(): Promise<Error | undefined>;
}

interface StepLog {
  written: number;
  tail: Buffer[];
  tailBytes: number;
  left: number;
}

export async function openBuildLog(path: string): Promise<BuildLog> {
  const file: FileHandle = await open(path, 'wx', 0o600);
  const steps = new Map<number, StepLog>();
  let waiting: string[] = [];
  let total = 0;
  let writing: Promise<void> | undefined;
  let failure: Error | undefined;

  const pump = async (): Promise<void> => {
    while (waiting.length > 0) {
      const text = waiting.join('');
      waiting = [];
      await file.appendFile(text);
    }
  };
  const line = (value: object): void => {
    const text = `${JSON.stringify(value)}\n`;
    if (failure !== undefined || total + text.length > logLimits.all) return;
    total += text.length;
    waiting.push(text);
    writing ??= pump()
      .catch((error: unknown) => {
        failure = error instanceof Error ? error : new Error(String(error));
      })
      .finally(() => (writing = undefined));
  };
  const write = (step: number, stream: 'stdout' | 'stderr', bytes: Uint8Array): void =>
    line({ kind: 'output', step, stream, bytes: Buffer.from(bytes).toString('latin1') });
  const output = ({ step, stream, bytes }: Extract<BuildProgress, { kind: 'output' }>): void => {
    const state = steps.get(step) ?? { written: 0, tail: [], tailBytes: 0, left: 0 };
    steps.set(step, state);
    const room = Math.max(0, logLimits.head - state.written);
    const head = bytes.subarray(0, room);
    if (head.length > 0) write(step, stream, head);
    state.written += head.length;
    const rest = Buffer.from(bytes.subarray(head.length));
    if (rest.length === 0) return;
    state.tail.push(rest);
    state.tailBytes += rest.length;
    while (state.tailBytes - (state.tail[0]?.length ?? 0) >= logLimits.tail) {
      const dropped = state.tail.shift()?.length ?? 0;
      state.tailBytes -= dropped;
      state.left += dropped;
    }
  };
  /** What was held back of a step that has ended. */
  const flush = (step: number): void => {
    const state = steps.get(step);
    if (state === undefined || state.tailBytes === 0) return;
    if (state.left > 0)
      write(step, 'stderr', Buffer.from(`\n[${state.left} bytes of output are not kept]\n`));
    write(step, 'stdout', Buffer.concat(state.tail).subarray(-logLimits.tail));
    steps.delete(step);
  };

  return {
    add(progress) {
      if (progress.kind === 'output') return output(progress);
      // Bars are for those who watch.
      if (progress.kind === 'pulling' && progress.progress) return undefined;
      if (progress.kind === 'pushing' && progress.progress.kind !== 'tag') return undefined;
      if ('step' in progress && progress.step !== undefined && progress.kind !== 'running')
        flush(progress.step);
      return line(progress);
    },
    async close() {
      for (const step of steps.keys()) flush(step);
      await writing;
      await file.close().catch((error: unknown) => {
        failure ??= error instanceof Error ? error : new Error(String(error));
      });
      return failure;
    },
  };
}

/** Empty for a build whose log is gone; a last line that was cut by the death of the engine is left out. */
export async function* readBuildLog(path: string): AsyncGenerator<BuildProgress> {
  const input = createReadStream(path, 'utf8');
  try {
    for await (const line of createInterface({ input, crlfDelay: Number.POSITIVE_INFINITY })) {
      const progress = parse(line);
      if (progress !== undefined) yield progress;
    }
  } catch (error) {
    if (!(error instanceof Error && 'code' in error && error.code === 'ENOENT')) throw error;
  } finally {
    input.destroy();
  }
}

function parse(line: string): BuildProgress | undefined {
  try {
    const value = JSON.parse(line) as BuildProgress & { bytes?: unknown };
    return value.kind === 'output' ? { ...value, bytes: Buffer.from(String(value.bytes), 'latin1') } : value;
  } catch {
    return undefined;
  }
}
