import { type ChildProcess, spawn } from 'node:child_process';
import { openTerminal } from '../e2e/terminal.ts';
import { type Call, splitWords } from './scenario.ts';

/** The API version of the real engine that the facts come from: shapes that later versions changed are not compared. */
const apiVersion = '1.45';
const limitMs = 15_000;

export interface RawOutcome {
  code: number;
  stdout: string;
  stderr: string;
}

/** An engine as the Docker CLI sees it. */
export interface Target {
  socket: string;
  /** An empty folder, so that nobody's settings matter. */
  config: string;
  /** What words may name, such as `{images}`: an archive for `load`. */
  variables: Record<string, string>;
}

/** Runs one call to its end; what takes longer than the limit is killed and told as such. */
export function callDocker(target: Target, call: Call, words: string): Promise<RawOutcome> {
  const command = ['docker', ...splitWords(words)];
  const env = {
    PATH: process.env['PATH'] ?? '',
    HOME: target.config,
    DOCKER_CONFIG: target.config,
    DOCKER_HOST: `unix://${target.socket}`,
    DOCKER_API_VERSION: apiVersion,
    LC_ALL: 'C.UTF-8',
    TZ: 'UTC',
  };
  return call.terminal ? onTerminal(command, env, call.terminal) : onPipes(command, env, call.input ?? '');
}

async function onPipes(
  [program = '', ...args]: string[],
  env: Record<string, string>,
  input: string,
): Promise<RawOutcome> {
  const child = spawn(program, args, { env, stdio: ['pipe', 'pipe', 'pipe'] });
  const output = { stdout: '', stderr: '' };
  for (const name of ['stdout', 'stderr'] as const)
    child[name].setEncoding('utf8').on('data', (text: string) => void (output[name] += text));
  child.stdin.on('error', () => undefined);
  child.stdin.end(input);
  const code = await endOf(child);
  return { code, ...output };
}

async function endOf(child: ChildProcess): Promise<number> {
  const timer = setTimeout(() => child.kill('SIGKILL'), limitMs);
  try {
    return await new Promise((resolve, reject) => {
      child.once('error', reject);
      child.once('close', (code, signal) =>
        code === null ? reject(new Error(`${child.spawnargs.join(' ')}: ${signal}`)) : resolve(code),
      );
    });
  } finally {
    clearTimeout(timer);
  }
}

async function onTerminal(
  command: string[],
  env: Record<string, string>,
  script: NonNullable<Call['terminal']>,
): Promise<RawOutcome> {
  using terminal = openTerminal(command, { env, columns: 81, rows: 25, patienceMs: limitMs });
  const timer = setTimeout(() => terminal[Symbol.dispose](), limitMs);
  try {
    for (const line of script)
      if ('see' in line) await terminal.until(line.see);
      else terminal.type(line.type);
    const code = await terminal.ended;
    return { code, stdout: terminal.text(), stderr: '' };
  } finally {
    clearTimeout(timer);
  }
}
