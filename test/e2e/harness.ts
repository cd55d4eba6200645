import { spawn, type ChildProcess } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

const root = join(import.meta.dir, '../..');

export interface Result {
  code: number;
  stdout: string;
  stderr: string;
}

/** Runs a program to its end; `input` is given to its standard input, which is then closed. */
export async function run(
  command: string[],
  options: { env?: Record<string, string>; input?: string | Uint8Array; timeoutMs?: number } = {},
): Promise<Result> {
  const [program = '', ...args] = command;
  const child = spawn(program, args, {
    env: { ...process.env, ...options.env },
    stdio: ['pipe', 'pipe', 'pipe'],
  });
  const timer = setTimeout(() => child.kill('SIGKILL'), options.timeoutMs ?? 60_000);
  child.stdin.on('error', () => undefined);
  child.stdin.end(options.input ?? '');
  const [stdout, stderr, code] = await Promise.all([
    new Response(child.stdout as never).text(),
    new Response(child.stderr as never).text(),
    new Promise<number>((resolve, reject) => {
      child.once('error', reject);
      child.once('close', (status) => resolve(status ?? 137));
    }),
  ]);
  clearTimeout(timer);
  return { code, stdout, stderr };
}

export interface TestEngine extends AsyncDisposable {
  readonly directory: string;
  readonly socket: string;
  readonly host: string;
  /** Output of the daemon so far. */
  log(): string;
  pid(): number;
  docker(...args: string[]): Promise<Result>;
  silo(...args: string[]): Promise<Result>;
  /** Starts the daemon again on the same roots; with `fault` it dies at that point. */
  start(options?: { fault?: string; args?: string[] }): Promise<void>;
  /** SIGKILL, and waits for the end. */
  kill(): Promise<void>;
  /** Resolves when the daemon has ended by itself. */
  died(): Promise<void>;
  api(method: string, path: string, body?: unknown): Promise<{ status: number; text: string }>;
}

let instances = 0;

/**
 * A daemon of its own: roots in a temporary folder, a bridge of its own name. Disposing removes its containers, ends it and takes away what it made on
 * the machine.
 */
export async function startEngine(
  options: { args?: string[]; env?: Record<string, string> } = {},
): Promise<TestEngine> {
  const directory = mkdtempSync(join(tmpdir(), 'silo-e2e-'));
  const socket = join(directory, 's.sock');
  const host = `unix://${socket}`;
  const bridge = `silot${(process.pid % 100_000).toString(36)}${instances++}`;
  let daemon: ChildProcess | undefined;
  let output = '';
  let ended: Promise<void> = Promise.resolve();
  const engine: TestEngine = {
    directory,
    socket,
    host,
    log: () => output,
    pid: () => daemon?.pid ?? 0,
    docker: (...args) => run(['docker', '-H', host, ...args]),
    silo: (...args) =>
      run([process.execPath, join(root, 'src/bin/silo.ts'), ...args], { env: { SILO_HOST: host } }),
    async start(startOptions = {}) {
      const command = [
        join(root, 'src/bin/silo.ts'),
        'daemon',
        '--data-root',
        join(directory, 'data'),
        '--exec-root',
        join(directory, 'exec'),
        '-H',
        host,
        '--bridge',
        bridge,
        ...(options.args ?? []),
        ...(startOptions.args ?? []),
      ];
      const child = spawn(process.execPath, command, {
        env: {
          ...process.env,
          ...options.env,
          SILO_READY_FD: '3',
          ...(startOptions.fault ? { SILO_FAULT: startOptions.fault } : {}),
        },
        stdio: ['ignore', 'pipe', 'pipe', 'pipe'],
      });
      daemon = child;
      for (const stream of [child.stdout, child.stderr])
        stream?.on('data', (chunk: Buffer) => void (output += chunk.toString()));
      ended = new Promise((resolve) => child.once('exit', () => resolve()));
      const ready = new Promise<boolean>((resolve) => {
        child.stdio[3]?.once('data', () => resolve(true));
        child.once('exit', () => resolve(false));
      });
      if (!(await ready) && !startOptions.fault) throw new Error(`the daemon did not start:\n${output}`);
    },
    async kill() {
      daemon?.kill('SIGKILL');
      await ended;
    },
    died: () => ended,
    async api(method, path, body) {
      const response = await fetch(`http://localhost${path}`, {
        method,
        unix: socket,
        ...(body === undefined
          ? {}
          : { body: JSON.stringify(body), headers: { 'Content-Type': 'application/json' } }),
      });
      return { status: response.status, text: await response.text() };
    },
    async [Symbol.asyncDispose]() {
      if (!daemon || daemon.exitCode !== null || daemon.signalCode !== null) await engine.start();
      const ids = await engine.api('GET', '/containers/json?all=1');
      for (const { Id } of JSON.parse(ids.text) as { Id: string }[])
        await engine.api('DELETE', `/containers/${Id}?force=1&v=1`);
      daemon?.kill('SIGTERM');
      await ended;
      await run(['ip', 'link', 'del', bridge]);
      await run(['nft', 'delete', 'table', 'inet', bridge]);
      await run(['sh', '-c', `grep -o ' ${directory}[^ ]*' /proc/mounts | xargs -r umount -l`]);
      rmSync(directory, { recursive: true, force: true });
    },
  };
  await engine.start();
  return engine;
}

/** What a daemon must not leave behind: mounts, monitors, interfaces below this folder. */
export async function leftovers(engine: TestEngine): Promise<string[]> {
  const mounts = (await readFile('/proc/self/mounts', 'utf8'))
    .split('\n')
    .filter((line) => line.includes(engine.directory));
  const monitors = readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .flatMap((pid) => {
      const words = commandLine(pid);
      return words.includes('conmon') && words.includes(engine.directory)
        ? [`process ${pid}: ${words.slice(0, 100)}`]
        : [];
    });
  return [...mounts.map((line) => `mount ${line.split(' ')[1]}`), ...monitors];
}

function commandLine(pid: string): string {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, 'utf8').replaceAll('\0', ' ');
  } catch {
    return '';
  }
}
