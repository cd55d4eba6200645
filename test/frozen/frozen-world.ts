import { spawnSync } from 'node:child_process';
import { closeSync, constants, existsSync, mkdirSync, openSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { startEngine, type TestEngine } from '../e2e/harness.ts';
import { ask, bootstrapBusybox, inspect, launch, remove, wait } from '../e2e/objects.ts';

/** Of each call of the runtime in these tests. */
export const deadlineMs = 6_000;

export type Verb = 'create' | 'start' | 'exec' | 'pause' | 'resume' | 'update' | 'delete';

export interface FrozenWorld extends AsyncDisposable {
  readonly engine: TestEngine;
  /** From now on this command of the runtime `stuck` sleeps for ever, or is stopped; until disposed. */
  hang(verb: Verb, how: 'sleeps' | 'stopped'): Disposable;
  /** Ends all that hangs. */
  relieve(): void;
  /** A folder of a file system that answers nothing (FUSE without a server) until disposed. */
  stuckFolder(path?: string): Disposable & { path: string };
}

/** Whether the machine has FUSE, which needs no program: the kernel waits for the answer to its first message. */
export const hasFuse = existsSync('/dev/fuse');

export async function openFrozenWorld(): Promise<FrozenWorld> {
  await using undo = new AsyncDisposableStack();
  const engine = undo.use(await startEngine({ stopped: true, env: { UV_THREADPOOL_SIZE: '16' } }));
  const runtime = join(engine.directory, 'stuck-runtime');
  const settings = join(engine.directory, 'daemon.json');
  writeFileSync(runtime, stuckRuntime(engine.directory), { mode: 0o755 });
  writeFileSync(
    settings,
    JSON.stringify({ runtimes: { stuck: { path: runtime } }, 'runtime-deadline-ms': deadlineMs }),
  );
  await engine.start({ args: ['--config', settings] });
  await bootstrapBusybox(engine);
  const owned = undo.move();
  let hanging: Disposable[] = [];
  const remember = <T extends Disposable>(what: T): T => {
    hanging.push(what);
    return what;
  };
  return {
    engine,
    hang(verb, how) {
      const flag = join(engine.directory, `hang-${verb}`);
      writeFileSync(flag, how);
      return remember({ [Symbol.dispose]: () => rmSync(flag, { force: true }) });
    },
    stuckFolder: (path = join(engine.directory, 'stuck-files')) => remember(mountStuck(path)),
    relieve() {
      for (const what of hanging) what[Symbol.dispose]();
      hanging = [];
    },
    [Symbol.asyncDispose]: () => owned.disposeAsync(),
  };
}

/** crun, but for the commands that are to hang. */
const stuckRuntime = (directory: string): string => `#!/bin/sh
for word in "$@"; do
  case $word in create|start|exec|pause|resume|update|delete) verb=$word; break ;; esac
done
case $(cat "${directory}/hang-$verb" 2>/dev/null) in
  sleeps) exec sleep 600 ;;
  stopped) kill -STOP $$ ;;
esac
exec /usr/bin/crun "$@"
`;

function mountStuck(path: string): Disposable & { path: string } {
  mkdirSync(path, { recursive: true });
  const fd = openSync('/dev/fuse', constants.O_RDWR);
  const options = 'fd=3,rootmode=40000,user_id=0,group_id=0';
  const { status, stderr } = spawnSync('mount', ['-i', '-t', 'fuse', '-o', options, 'silo-stuck', path], {
    stdio: ['ignore', 'ignore', 'pipe', fd],
  });
  if (status !== 0) throw new Error(`mounting the stuck file system: ${String(stderr)}`);
  let isOver = false;
  return {
    path,
    [Symbol.dispose]() {
      if (isOver) return;
      isOver = true;
      // Whoever waits is answered with ENOTCONN.
      closeSync(fd);
      spawnSync('umount', ['-l', path]);
    },
  };
}

let lives = 0;

/** What others do meanwhile: every kind of request that must not wait for the one that hangs. */
export async function lifeOfAnother(engine: TestEngine): Promise<void> {
  const name = `other-${lives++}`;
  await ask(engine, 'GET', '/version');
  await ask(engine, 'GET', '/containers/json?all=1');
  await launch(engine, name, { Cmd: ['true'] });
  await inspect(engine, name);
  const code = await wait(engine, name);
  if (code !== 0) throw new Error(`the other container ended with ${code}`);
  await remove(engine, name);
}

/** Settles with the answer, and knows whether it has. */
export function watched<T>(work: Promise<T>): { answer: Promise<T>; isOver(): boolean } {
  let over = false;
  const answer = work.finally(() => (over = true));
  answer.catch(() => undefined);
  return { answer, isOver: () => over };
}
