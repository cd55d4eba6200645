import { type ChildProcess, spawn } from 'node:child_process';
import type { Readable, Writable } from 'node:stream';
import { errorOfJson } from '../../../foundation/base/error-json.ts';
import { canceled } from '../../../foundation/base/errors.ts';
import { throwIfAborted } from '../../../foundation/base/deadline.ts';
import { collect, endOf, helperDied, helperEnvironment } from '../../../foundation/base/helper-process.ts';
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
    env: helperEnvironment(),
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
  const diagnostics = collect(child.stderr);
  const replies = eachLine(child.stdio[3] as Readable | null | undefined, onLine);
  try {
    const ending = await endOf(child, 'the helper for files', 'exit');
    await replies;
    if (last?.type === 'done') return;
    if (signal?.aborted) throw canceled('copying files was canceled', { cause: signal.reason });
    if (last?.type === 'error') throw errorOfJson(last.error);
    throw helperDied(`the helper for files ended with ${ending} and no report`, diagnostics());
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
