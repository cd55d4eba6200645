import { spawn } from 'node:child_process';
import type { Readable } from 'node:stream';
import { createInterface } from 'node:readline';
import { canceled, internal, type SiloError, unsupported } from '../../../foundation/base/errors.ts';

/** A program whose output is the product and whose standard error is for people. Disposing ends it and waits until it is gone. */
export interface Program extends AsyncDisposable {
  stdout: Readable;
  /** Resolves when it ended well. */
  finished: Promise<void>;
}

export interface ProgramRequest {
  file: string;
  args: readonly string[];
  env: Record<string, string>;
  /** What installs it. */
  hint: string;
  onLine?: (line: string) => void;
  signal?: AbortSignal;
  /** What its last words mean. */
  explain?: (lastLines: readonly string[]) => SiloError | undefined;
}

/** Time that it gets to clean up behind itself before it is killed. */
const graceMs = 10_000;
const keptLines = 40;
const inherited = [
  'PATH',
  'http_proxy',
  'https_proxy',
  'ftp_proxy',
  'no_proxy',
  'HTTP_PROXY',
  'HTTPS_PROXY',
  'NO_PROXY',
];

export function startProgram(request: ProgramRequest): Program {
  const { file, args, signal } = request;
  // A group of its own, so that what it starts ends with it.
  const child = spawn(file, args, {
    env: { LC_ALL: 'C.UTF-8', ...inheritedEnvironment(), ...request.env },
    stdio: ['ignore', 'pipe', 'pipe'],
    detached: true,
  });
  const lastLines: string[] = [];
  createInterface({ input: child.stderr }).on('line', (line) => {
    lastLines.push(line);
    if (lastLines.length > keptLines) lastLines.shift();
    request.onLine?.(line);
  });
  const gone = Promise.withResolvers<void>();
  const finished = new Promise<void>((resolve, reject) => {
    child.once('error', (error) => {
      gone.resolve();
      reject(startFailure(request, error));
    });
    child.once('close', (code) => {
      gone.resolve();
      if (signal?.aborted) reject(canceled(`${file} was stopped`, { cause: signal.reason }));
      else if (code === 0) resolve();
      else
        reject(
          request.explain?.(lastLines) ??
            internal(`${file} failed (exit code ${code}): ${lastLines.join('\n')}`, {
              code: 'program-failed',
            }),
        );
    });
  });
  finished.catch(() => undefined);
  const kill = (name: NodeJS.Signals): void => {
    if (child.pid === undefined || child.exitCode !== null || child.signalCode !== null) return;
    try {
      process.kill(-child.pid, name);
    } catch {
      // It ended a moment ago.
    }
  };
  const end = (): void => kill('SIGTERM');
  signal?.addEventListener('abort', end, { once: true });
  if (signal?.aborted) end();
  return {
    stdout: child.stdout,
    finished,
    async [Symbol.asyncDispose]() {
      signal?.removeEventListener('abort', end);
      end();
      child.stdout.destroy();
      const timer = setTimeout(() => kill('SIGKILL'), graceMs);
      await gone.promise;
      clearTimeout(timer);
    },
  };
}

/** Runs a program whose output is for people too. */
export async function runProgram(request: ProgramRequest): Promise<void> {
  await using program = startProgram(request);
  for await (const line of createInterface({ input: program.stdout })) request.onLine?.(line);
  await program.finished;
}

function inheritedEnvironment(): Record<string, string> {
  return Object.fromEntries(
    inherited.flatMap((name) => {
      const value = process.env[name];
      return value === undefined ? [] : [[name, value]];
    }),
  );
}

function startFailure({ file, hint }: ProgramRequest, error: NodeJS.ErrnoException): SiloError {
  return error.code === 'ENOENT'
    ? unsupported(`${file} is not installed on this machine`, { code: 'program-missing', hint, cause: error })
    : internal(`${file} could not be started: ${error.message}`, { cause: error });
}
