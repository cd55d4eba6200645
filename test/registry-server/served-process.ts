import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { createInterface } from 'node:readline';

const silo = join(import.meta.dir, '../../src/bin/silo.ts');

/** `silo registry serve` as a process of its own, on a free loopback port. */
export interface ServedProcess extends AsyncDisposable {
  readonly url: string;
  readonly process: ChildProcess;
  /** Resolves to how it ended: an exit code or the name of a signal. */
  readonly ended: Promise<number | string>;
}

export async function serveProcess(
  root: string,
  environment: Record<string, string> = {},
  words: readonly string[] = [],
): Promise<ServedProcess> {
  const child = spawn(
    process.execPath,
    [silo, 'registry', 'serve', '--root', root, '--addr', '127.0.0.1:0', ...words],
    {
      stdio: ['ignore', 'pipe', 'inherit'],
      env: { ...process.env, ...environment },
    },
  );
  const ended = once(child, 'exit').then(([code, signal]) => (code ?? signal) as number | string);
  const url = await firstAddress(child);
  return {
    url,
    process: child,
    ended,
    async [Symbol.asyncDispose]() {
      child.kill('SIGKILL');
      await ended;
    },
  };
}

async function firstAddress(child: ChildProcess): Promise<string> {
  if (child.stdout === null) throw new Error('no output to read');
  for await (const line of createInterface({ input: child.stdout })) {
    const address = /127\.0\.0\.1:\d+/.exec(line)?.[0];
    if (address === undefined) continue;
    child.stdout.resume();
    return `http://${address}`;
  }
  throw new Error('the registry ended before it listened');
}
