import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** A wall clock that a test turns, for an engine that is started with `env`. Timers, the kernel and other programs keep the real one. */
export interface TurnedClock extends Disposable {
  env: Record<string, string>;
  /** Milliseconds that the engine's clock is ahead of the machine's; negative: behind. */
  turn(ms: number): void;
}

export function createTurnedClock(): TurnedClock {
  const folder = mkdtempSync(join(tmpdir(), 'silo-clock-'));
  const file = join(folder, 'offset');
  const turn = (ms: number): void => writeFileSync(file, String(ms));
  turn(0);
  return {
    env: { SILO_TEST_CLOCK: file, BUN_OPTIONS: `--preload ${join(import.meta.dir, 'turn-clock.ts')}` },
    turn,
    [Symbol.dispose]: () => rmSync(folder, { recursive: true, force: true }),
  };
}
