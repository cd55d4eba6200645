import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { withDeadline } from '../../src/foundation/base/deadline.ts';
import { processesOf } from '../e2e/footprint.ts';
import type { TestEngine } from '../e2e/harness.ts';
import { run } from '../e2e/run.ts';
import type { TurnedClock } from '../e2e/turned-clock.ts';
import { choose, type Random } from './random.ts';

const startDeadlineMs = 30_000;
const twoDaysMs = 2 * 86_400_000;

export interface Stage {
  engine: TestEngine;
  /** File system of the data root. */
  disk: string;
  /** Of the engine. */
  clock: TurnedClock;
  random: Random;
  /** Containers that no disaster but the engine's own may touch. */
  spared: readonly string[];
  /** Called before the container's processes are touched: nothing is promised of its state any more. */
  onTouched(containerId: string): void;
}

/** Each leaves the machine as it was, but for what it killed. */
export const disasters: Record<string, (stage: Stage) => Promise<void>> = {
  async engineKilled({ engine, random }) {
    await engine.kill();
    // Sometimes long enough for containers to end meanwhile.
    if (random() < 0.3) await pause(random() * 800);
    await withDeadline(engine.start(), startDeadlineMs, 'the start of the engine');
  },
  async engineKilledTwice({ engine, random }) {
    await engine.kill();
    const starting = engine.start({ fault: 'none' });
    await pause(random() * 300);
    await engine.kill();
    await starting;
    await withDeadline(engine.start(), startDeadlineMs, 'the start of the engine');
  },
  async engineStopped({ engine }) {
    await withDeadline(engine.stop(), startDeadlineMs, 'the orderly end of the engine');
    await withDeadline(engine.start(), startDeadlineMs, 'the start of the engine');
  },
  async monitorKilled(stage) {
    touch(stage, ({ words }) => words.includes('--cid='));
    await pause(50);
  },
  async programKilled(stage) {
    const monitor = pick(stage);
    if (!monitor) return;
    stage.onTouched(monitor.id);
    const children = await run(['ps', '-o', 'pid=', '--ppid', String(monitor.pid)]);
    for (const pid of children.stdout.split(/\s+/).filter(Boolean)) kill(Number(pid));
    await pause(50);
  },
  async resolverKilled({ engine }) {
    for (const { pid, words } of processesOf(engine.footprint))
      if (pid !== engine.pid() && words.includes('/exec/resolver.sock')) kill(pid);
    await pause(50);
  },
  async clockTurned({ clock, random }) {
    clock.turn(Math.round((random() - 0.5) * twoDaysMs));
    await pause(random() * 1_500);
    // Not always back.
    if (random() < 0.5) clock.turn(0);
  },
  async diskFull({ disk, random }) {
    const file = join(disk, 'fill');
    await run(['dd', 'if=/dev/zero', `of=${file}`, 'bs=64k']);
    await pause(random() * 1_500);
    rmSync(file, { force: true });
  },
};

function touch(stage: Stage, which: (found: { words: string }) => boolean): void {
  const monitor = pick(stage);
  if (!monitor || !which(monitor)) return;
  stage.onTouched(monitor.id);
  kill(monitor.pid);
}

/** A monitor of a container that is not spared. */
function pick({ engine, spared, random }: Stage): { pid: number; words: string; id: string } | undefined {
  const monitors = processesOf(engine.footprint).flatMap(({ pid, words }) => {
    const id = /--cid=([0-9a-f]{64})/.exec(words)?.[1];
    return id === undefined || spared.includes(id) ? [] : [{ pid, words, id }];
  });
  return monitors.length === 0 ? undefined : choose(random, monitors);
}

function kill(pid: number): void {
  try {
    process.kill(pid, 'SIGKILL');
  } catch {
    // Ended meanwhile.
  }
}
