import type { Engine } from './engines/engine.ts';
import type { Fixtures } from './fixtures/fixtures.ts';

/**
 * One row of the table. Every engine that can take part is prepared, then all take turns, so that what disturbs the machine disturbs
 * all of them alike.
 */
export interface Case {
  /** For `--only` and the JSON. */
  readonly name: string;
  readonly title: string;
  readonly unit: Unit;
  /** What Silo must reach (design page, part 5). */
  readonly target?: number;
  /** How often each subject runs when `--runs` does not say. */
  readonly runs: number;
  /** Resolves to undefined when this engine cannot show it. */
  prepare(engine: Engine, fixtures: Fixtures): Promise<Trial | undefined>;
  /** The bare work, without an engine. */
  readonly prepareFloor?: (fixtures: Fixtures) => Promise<Trial>;
}

export type Unit = 'ms' | 'MB' | 'Gbit/s' | 'queries/s';

export interface Trial {
  /** One measured run, in the case's unit. */
  once(): Promise<number>;
  cleanup(): Promise<void>;
}

/** Milliseconds that the work took. */
export async function timed(work: () => Promise<unknown>): Promise<number> {
  const start = performance.now();
  await work();
  return performance.now() - start;
}

export const nothing = (): Promise<void> => Promise.resolve();
