import { type ChildProcess, spawn } from 'node:child_process';
import { closeSync, openSync, readFileSync } from 'node:fs';
import { untilReady } from './engine.ts';

export interface Daemon {
  pid(): number;
  /** Starts it; resolves to the milliseconds until it answered. */
  start(): Promise<number>;
  /** Asks it to end, and waits until it has; insists after ten seconds. */
  stop(): Promise<void>;
}

/** A daemon that is ours to start and stop. What it says is in the log file, and in the error when it does not start. */
export function createDaemon(options: {
  command: string[];
  env?: Record<string, string>;
  socket: string;
  log: string;
}): Daemon {
  let child: ChildProcess | undefined;
  let ended: Promise<void> = Promise.resolve();
  let running = false;
  return {
    pid: () => child?.pid ?? 0,
    async start() {
      const [program = '', ...args] = options.command;
      const log = openSync(options.log, 'a');
      const began = performance.now();
      const started = spawn(program, args, {
        env: { ...process.env, ...options.env },
        stdio: ['ignore', log, log],
      });
      closeSync(log);
      child = started;
      running = true;
      ended = new Promise((resolve) => {
        const finish = (): void => {
          running = false;
          resolve();
        };
        started.once('exit', finish).once('error', finish);
      });
      try {
        await untilReady(options.socket, () => !running);
      } catch (error) {
        const words = readFileSync(options.log, 'utf8').trim().split('\n').slice(-5).join('\n');
        throw new Error(`${program} did not start: ${String(error)}\n${words}`, { cause: error });
      }
      return performance.now() - began;
    },
    async stop() {
      child?.kill('SIGTERM');
      const insist = setTimeout(() => child?.kill('SIGKILL'), 10_000);
      await ended;
      clearTimeout(insist);
    },
  };
}
