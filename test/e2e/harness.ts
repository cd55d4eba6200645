import { spawn, type ChildProcess } from 'node:child_process';
import { chmodSync, existsSync, mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { removeAll, type Footprint } from './footprint.ts';
import { run, type Result } from './run.ts';

const root = join(import.meta.dir, '../..');

export interface TestEngine extends AsyncDisposable {
  readonly directory: string;
  readonly dataRoot: string;
  readonly socket: string;
  readonly host: string;
  /** Names on the machine that only this engine uses. */
  readonly footprint: Footprint;
  /** Output of the daemon so far. */
  log(): string;
  pid(): number;
  /** The words that run a client against this engine, and what it needs in its environment. */
  client(program: Program, ...args: string[]): { command: string[]; env: Record<string, string> };
  docker(...args: string[]): Promise<Result>;
  silo(...args: string[]): Promise<Result>;
  /**
   * Starts the daemon again on the same roots; with `fault` it dies at that point. True when it became ready; false when it ended before, which is an
   * error unless a fault was asked for.
   */
  start(options?: { fault?: string; args?: string[] }): Promise<boolean>;
  /** SIGKILL, and waits for the end. */
  kill(): Promise<void>;
  /** SIGTERM, and waits for the end. */
  stop(): Promise<void>;
  /** Resolves to the signal or exit code when the daemon has ended by itself. */
  died(): Promise<string>;
  api(method: string, path: string, body?: unknown): Promise<Answer>;
}

export type Program = 'docker' | 'silo';

/** Clients that are installed here; a test of both says which it did without. */
export const programs: Program[] =
  existsSync('/usr/bin/docker') || existsSync('/usr/local/bin/docker') ? ['docker', 'silo'] : ['silo'];
if (programs.length === 1) console.log('skipped: everything with the docker CLI, which is not installed');

export interface Answer {
  status: number;
  text: string;
}

export interface EngineOptions {
  args?: string[];
  env?: Record<string, string>;
  /** A folder of the temporary one when absent. */
  dataRoot?: string;
  /** Later, with the first `start`. */
  stopped?: boolean;
  /** Words before the daemon's own; what they start must become the daemon (`exec`). */
  prefix?: readonly string[];
}

/** `SILO_TEST_USERNS=host` or `auto`: what containers of the tests get that do not say. */
const userNamespaceWords = process.env['SILO_TEST_USERNS']
  ? ['--userns', process.env['SILO_TEST_USERNS']]
  : [];

let instances = 0;

/**
 * A daemon of its own: roots in a temporary folder, a bridge and a control group of its own name. Disposing takes away all that it made on
 * the machine, whatever state it is in.
 */
export async function startEngine(options: EngineOptions = {}): Promise<TestEngine> {
  const directory = mkdtempSync(join(tmpdir(), 'silo-e2e-'));
  // As root folders of engines are: root of a container goes through it.
  chmodSync(directory, 0o711);
  const socket = join(directory, 's.sock');
  const host = `unix://${socket}`;
  const name = `silot${(process.pid % 100_000).toString(36)}${(instances++).toString(36)}`;
  const footprint: Footprint = { directory, bridge: name, cgroupParent: `/${name}` };
  const dataRoot = options.dataRoot ?? join(directory, 'data');
  let daemon: ChildProcess | undefined;
  let output = '';
  let ended: Promise<string> = Promise.resolve('never started');
  const end = async (signal: 'SIGKILL' | 'SIGTERM'): Promise<void> => {
    daemon?.kill(signal);
    await ended;
  };
  const client: TestEngine['client'] = (program, ...args) => ({
    command: program === 'docker' ? ['docker', '-H', host, ...args] : siloCommand(...args),
    env: { SILO_HOST: host, ...cliEnvironment(directory) },
  });
  const runClient = (program: Program, args: string[]): Promise<Result> => {
    const { command, env } = client(program, ...args);
    return run(command, { env });
  };
  const engine: TestEngine = {
    directory,
    dataRoot,
    socket,
    host,
    footprint,
    log: () => output,
    pid: () => daemon?.pid ?? 0,
    client,
    docker: (...args) => runClient('docker', args),
    silo: (...args) => runClient('silo', args),
    async start(startOptions = {}) {
      const roots = ['--data-root', dataRoot, '--exec-root', join(directory, 'exec')];
      const names = ['--bridge', name, '--cgroup-parent', footprint.cgroupParent];
      const given = [...userNamespaceWords, ...(options.args ?? []), ...(startOptions.args ?? [])];
      const daemonWords = siloCommand('daemon', ...roots, '-H', host, ...names, ...given);
      const [program = '', ...words] = [...(options.prefix ?? []), ...daemonWords];
      const child = spawn(program, words, {
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
      ended = new Promise((resolve) =>
        child.once('exit', (code, signal) => resolve(signal ?? `exit code ${code}`)),
      );
      const ready = await new Promise<boolean>((resolve) => {
        child.stdio[3]?.once('data', () => resolve(true));
        child.once('exit', () => resolve(false));
      });
      if (!ready && !startOptions.fault) throw new Error(`the daemon did not start:\n${output}`);
      return ready;
    },
    kill: () => end('SIGKILL'),
    stop: () => end('SIGTERM'),
    died: () => ended,
    async api(method, path, body) {
      const response = await fetch(`http://localhost${path}`, {
        method,
        unix: socket,
        signal: AbortSignal.timeout(60_000),
        ...(body === undefined
          ? {}
          : { body: JSON.stringify(body), headers: { 'Content-Type': 'application/json' } }),
      });
      return { status: response.status, text: await response.text() };
    },
    async [Symbol.asyncDispose]() {
      await end('SIGKILL');
      await removeAll(footprint);
    },
  };
  if (options.stopped) return engine;
  try {
    await engine.start();
  } catch (error) {
    await engine[Symbol.asyncDispose]();
    throw error;
  }
  return engine;
}

/** Runs the `silo` of this source tree. */
export function siloCommand(...args: string[]): string[] {
  return [process.execPath, join(root, 'src/bin/silo.ts'), ...args];
}

/** Configuration of whoever runs the tests must not matter. */
function cliEnvironment(directory: string): Record<string, string> {
  return { DOCKER_CONFIG: join(directory, 'no-config'), DOCKER_CONTEXT: '', DOCKER_HOST: '' };
}
