import { spawn } from 'node:child_process';
import { accessSync, constants } from 'node:fs';
import { basename, join } from 'node:path';
import { internal, invalid, timedOut, unavailable } from '../../../foundation/base/errors.ts';
import { sealProgram } from '../../../foundation/kernel/sealed-program.ts';
import type { Layout } from './layout.ts';

/** An OCI runtime on this machine. */
export interface RuntimeProgram {
  name: string;
  /** What is executed: for crun a sealed copy in memory, which spares crun the copy that it makes of itself at each start (3 ms). */
  path: string;
  root: string;
  /** Options before the command, also for conmon's `--runtime-arg`. */
  globalArgs: string[];
  /** Enables what only crun offers: starting without a process, compiled seccomp filters. */
  isCrun: boolean;
}

export interface RuntimePrograms extends Disposable {
  /** Kind `invalid` for a name that was not configured. */
  get(name: string | undefined): RuntimeProgram;
}

export function createRuntimePrograms(
  layout: Layout,
  paths: Readonly<Record<string, string>>,
  defaultName: string,
): RuntimePrograms {
  const copies = new DisposableStack();
  const programs = new Map(
    Object.entries(paths).map(([name, installed]) => {
      const root = layout.runtimeRoot(name);
      const isCrun = basename(installed) === 'crun';
      const path = isCrun ? seal(installed, copies) : installed;
      return [name, { name, path, root, globalArgs: ['--root', root], isCrun }];
    }),
  );
  return {
    [Symbol.dispose]: () => copies.dispose(),
    get(name = defaultName) {
      const found = programs.get(name);
      if (found) return found;
      throw invalid(`unknown or invalid runtime name: ${name}`, {
        hint: `configured are: ${[...programs.keys()].join(', ')}`,
      });
    },
  };
}

/** The installed file serves as well where the host forbids running from memory (`vm.memfd_noexec`). */
function seal(installed: string, copies: DisposableStack): string {
  try {
    const { path } = copies.use(sealProgram(installed));
    accessSync(path, constants.X_OK);
    return path;
  } catch {
    return installed;
  }
}

export interface RunRuntime {
  args: readonly string[];
  deadlineMs: number;
}

/** Runs one command of the runtime to its end; it is killed at the deadline (kind `timeout`). */
export function runRuntime(program: RuntimeProgram, { args, deadlineMs }: RunRuntime): Promise<void> {
  const what = `${program.name} ${args[0]}`;
  return new Promise((resolve, reject) => {
    const child = spawn(program.path, [...program.globalArgs, ...args], {
      stdio: ['ignore', 'ignore', 'pipe'],
      env: { PATH: '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin' },
    });
    let output = '';
    child.stderr.on('data', (chunk: Buffer) => {
      if (output.length < 16_384) output += chunk.toString();
    });
    const timer = setTimeout(() => {
      child.kill('SIGKILL');
      reject(timedOut(`${what} did not finish within ${deadlineMs} ms`));
    }, deadlineMs);
    child.on('error', (cause) => {
      clearTimeout(timer);
      reject(
        unavailable(`cannot run ${program.path}`, { cause, hint: `install the package ${program.name}` }),
      );
    });
    // Not `close`: a process that inherited the pipe must not hold the answer back.
    child.on('exit', (code) => {
      clearTimeout(timer);
      if (code === 0) resolve();
      else reject(internal(`${what} failed: ${output.trim() || `exit code ${code}`}`));
    });
  });
}

/** State folder that both crun and runc keep for a container. */
export function runtimeState(program: RuntimeProgram, id: string): string {
  return join(program.root, id);
}

/** `exec.fifo` is there from create until start. */
export function startFifo(program: RuntimeProgram, id: string): string {
  return join(runtimeState(program, id), 'exec.fifo');
}
