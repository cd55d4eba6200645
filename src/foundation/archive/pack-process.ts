import { type ChildProcess, spawn } from 'node:child_process';
import { canceled, internal } from '../base/errors.ts';
import { throwIfAborted } from '../base/deadline.ts';
import { collect, endOf, helperEnvironment, helperFailure } from '../base/helper-process.ts';
import type { Change } from './list-changes.ts';
import type { PackJob } from './pack.ts';

export interface PackRequest {
  job: PackJob;
  /** Of the job `tree`: a descriptor of the directory. It may be closed once the first bytes came. */
  root?: number;
  /** Program and first arguments of the packer. */
  command: readonly string[];
  signal?: AbortSignal | undefined;
}

/**
 * The packer's output, from a process of its own: walking, comparing and reading do not keep the engine from anything. Who stops reading, or
 * aborts, ends the process. A failure, also halfway, throws.
 */
export async function* pack(request: PackRequest): AsyncGenerator<Buffer> {
  const { signal } = request;
  throwIfAborted(signal, 'packing files');
  const child = startPacker(request);
  const ended = endOf(child, 'packer');
  const complaint = collect(child.stderr);
  const abort = (): void => void child.kill('SIGKILL');
  signal?.addEventListener('abort', abort);
  try {
    for await (const chunk of child.stdout ?? []) yield chunk as Buffer;
    const ending = await ended;
    if (signal?.aborted) throw canceled('packing files was canceled', { cause: signal.reason });
    if (ending !== 'exit code 0')
      throw helperFailure(`packer ended with ${ending}`, complaint(), 'packer-died');
  } finally {
    signal?.removeEventListener('abort', abort);
    child.kill('SIGKILL');
    await ended.catch(() => undefined);
  }
}

function startPacker({ command, job, root }: PackRequest): ChildProcess {
  const [program = '', ...args] = command;
  return spawn(program, [...args, JSON.stringify(job), String(process.pid)], {
    stdio: [root ?? 'ignore', 'pipe', 'pipe'],
    env: helperEnvironment(),
  });
}

/** What the job `changes` tells, in byte order of the path's components, some at a time. */
export async function* readChanges(pieces: AsyncIterable<Buffer>): AsyncGenerator<Change[]> {
  let rest = '';
  for await (const chunk of pieces) {
    const records = (rest + chunk.toString('latin1')).split('\0');
    rest = records.pop() ?? '';
    yield records.map((record) => ({ kind: kindOf(record), path: record.slice(1) }));
  }
}

function kindOf(record: string): Change['kind'] {
  const [kind] = record;
  if (kind === 'A' || kind === 'C' || kind === 'D') return kind;
  throw internal('the packer told something that is no change');
}
