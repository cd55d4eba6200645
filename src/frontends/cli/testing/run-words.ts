import { PassThrough, Readable } from 'node:stream';
import type { CliDeps } from '../deps.ts';
import { runCli } from '../run-cli.ts';

export interface Outcome {
  code: number;
  out: string;
  err: string;
}

/** Runs a command line in this process, for tests: no terminal unless asked for, no daemon to start. */
export async function runWords(
  words: readonly string[],
  {
    env = {},
    stdin = '',
    isTTY = false,
    deps = {},
  }: { env?: Record<string, string>; stdin?: string; isTTY?: boolean; deps?: Partial<CliDeps> } = {},
): Promise<Outcome> {
  const stdout = Object.assign(new PassThrough(), { isTTY });
  const stderr = new PassThrough();
  const code = await runCli(
    words,
    {
      stdin: Readable.from([stdin]),
      stdout,
      stderr,
      env,
      cwd: '/',
      onSignal: () => ({ [Symbol.dispose]() {} }),
      now: () => 0,
    },
    { version: { version: '0.0.0', gitCommit: 'test', buildTime: '' }, ...deps },
  );
  const text = (stream: PassThrough): string => String(stream.read() ?? '');
  return { code, out: text(stdout), err: text(stderr) };
}
