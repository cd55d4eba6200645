import { type ChildProcess, spawn } from 'node:child_process';
import { type ErrorKind, SiloError, canceled, internal } from '../base/errors.ts';
import { throwIfAborted } from '../base/deadline.ts';
import { collect, helperEnvironment } from './helper-process.ts';
import type { Change } from './list-changes.ts';
import type { PackFailure, PackJob } from './pack.ts';

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
  const ended = endOf(child);
  const complaint = collect(child.stderr);
  const abort = (): void => void child.kill('SIGKILL');
  signal?.addEventListener('abort', abort);
  try {
    for await (const chunk of child.stdout ?? []) yield chunk as Buffer;
    const ending = await ended;
    if (signal?.aborted) throw canceled('packing files was canceled', { cause: signal.reason });
    if (ending !== 'exit code 0') throw failureOf(complaint(), ending);
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

function endOf(child: ChildProcess): Promise<string> {
  const end = new Promise<string>((resolve, reject) => {
    child.once('error', (error) =>
      reject(internal(`packer could not be started: ${error.message}`, { cause: error })),
    );
    child.once('close', (code, signal) => resolve(signal ?? `exit code ${code}`));
  });
  end.catch(() => undefined);
  return end;
}

function failureOf(complaint: string, ending: string): SiloError {
  try {
    const { kind, code, message, hint } = JSON.parse(complaint) as PackFailure;
    return new SiloError(kind as ErrorKind, message, { code, ...(hint === undefined ? {} : { hint }) });
  } catch {
    return internal(`packer ended with ${ending}: ${complaint.trim().slice(-2000) || 'no message'}`, {
      code: 'packer-died',
      hint: 'see the log of the host for an out-of-memory kill; otherwise report this as a bug',
    });
  }
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
