import { type ChildProcess, spawn } from 'node:child_process';
import type { Readable, Writable } from 'node:stream';
import { canceled, type ErrorKind, internal, SiloError } from '../../../foundation/base/errors.ts';
import { throwIfAborted } from '../../../foundation/base/deadline.ts';
import type { HelperReply, HelperRequest, WireStat } from './protocol.ts';

export interface Helper {
  /** Where an archive goes in, for `write`; errors of the pipe are swallowed: `done` says why. */
  readonly input: Writable | null;
  /** Where it comes out, for `read`. Its end alone does not say that it is whole: `done` does. */
  readonly output: Readable | null;
  /** For `stat` and `read`: rejects as `done` does. */
  readonly stat: Promise<WireStat>;
  /** Resolves when the helper has done its work and is gone; rejects with its error, or with kind `canceled`. */
  readonly done: Promise<void>;
  kill(): void;
}

export interface StartHelper {
  /** Program and first arguments, such as `[bun, 'src/bin/files.ts']`. */
  command: readonly string[];
  request: HelperRequest;
  /** Of a running container; stays the caller's, who may close it when this returns. */
  rootFd?: number | undefined;
  signal?: AbortSignal | undefined;
}

/** Starts the helper for one request. It ends by itself, with the signal, and with the engine. */
export function startHelper({ command, request, rootFd, signal }: StartHelper): Helper {
  throwIfAborted(signal, 'copying files');
  const [program = '', ...words] = command;
  const { op } = request.action;
  const child = spawn(program, [...words, JSON.stringify(request)], {
    stdio: [
      op === 'write' ? 'pipe' : 'ignore',
      op === 'read' ? 'pipe' : 'ignore',
      'pipe',
      'pipe',
      ...(rootFd === undefined ? [] : [rootFd]),
    ],
    env: temporaryFolders(),
  });
  const stat = Promise.withResolvers<WireStat>();
  stat.promise.catch(() => undefined);
  const done = outcomeOf(child, (found) => stat.resolve(found), signal);
  done.catch((error: unknown) => stat.reject(error));
  child.stdin?.on('error', () => undefined);
  return {
    input: child.stdin,
    output: child.stdout,
    stat: stat.promise,
    done,
    kill: () => void child.kill('SIGKILL'),
  };
}

/** All of our environment that it gets: a single executable loads its native module from there. */
function temporaryFolders(): Record<string, string> {
  const { BUN_TMPDIR, TMPDIR } = process.env;
  return { ...(BUN_TMPDIR ? { BUN_TMPDIR } : {}), ...(TMPDIR ? { TMPDIR } : {}) };
}

const keptCharacters = 64 * 1024;

async function outcomeOf(
  child: ChildProcess,
  onStat: (stat: WireStat) => void,
  signal: AbortSignal | undefined,
): Promise<void> {
  const abort = (): void => void child.kill('SIGKILL');
  signal?.addEventListener('abort', abort);
  let last: HelperReply | undefined;
  const onLine = (line: string): void => {
    const reply = parseReply(line);
    if (reply?.type === 'stat') onStat(reply.stat);
    else if (reply) last = reply;
  };
  let diagnostics = '';
  child.stderr?.setEncoding('utf8').on('data', (text: string) => {
    if (diagnostics.length < keptCharacters) diagnostics += text;
  });
  const replies = eachLine(child.stdio[3] as Readable | null | undefined, onLine);
  try {
    const ending = await new Promise<string>((resolve, reject) => {
      child.once('error', (error) =>
        reject(internal(`the helper for files could not be started: ${error.message}`, { cause: error })),
      );
      child.once('exit', (code, killer) => resolve(killer ?? `exit code ${code}`));
    });
    await replies;
    if (last?.type === 'done') return;
    if (signal?.aborted) throw canceled('copying files was canceled', { cause: signal.reason });
    if (last?.type === 'error') {
      const { kind, message, code, hint } = last.error;
      throw new SiloError(kind as ErrorKind, message, { code, ...(hint === undefined ? {} : { hint }) });
    }
    throw internal(
      `the helper for files ended with ${ending} and no report: ${diagnostics.trim().slice(-2000) || 'no message'}`,
      {
        code: 'helper-died',
        hint: 'see the log of the host for an out-of-memory kill; otherwise report this as a bug',
      },
    );
  } finally {
    signal?.removeEventListener('abort', abort);
  }
}

/** Resolves at the end of the stream, however it comes. */
function eachLine(stream: Readable | null | undefined, onLine: (line: string) => void): Promise<void> {
  if (!stream) return Promise.resolve();
  let text = '';
  stream.setEncoding('utf8').on('data', (chunk: string) => {
    text += chunk;
    const lines = text.split('\n');
    text = (lines.pop() ?? '').slice(0, keptCharacters);
    for (const line of lines) onLine(line);
  });
  return new Promise((resolve) => {
    stream.once('close', resolve);
    stream.once('error', () => resolve());
  });
}

function parseReply(line: string): HelperReply | undefined {
  try {
    return JSON.parse(line) as HelperReply;
  } catch {
    return undefined;
  }
}
