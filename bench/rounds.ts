import type { Case, Trial } from './case.ts';
import type { Engine } from './engines/engine.ts';
import type { Fixtures } from './fixtures/fixtures.ts';
import { median, type Row, type SubjectName, toRow } from './results.ts';

export interface RoundOptions {
  engines: readonly Engine[];
  /** Whether the bare work takes part. */
  floor: boolean;
  fixtures: Fixtures;
  /** Instead of the case's own number. */
  runs?: number;
  signal: AbortSignal;
  say: (text: string) => void;
}

interface Subject {
  name: SubjectName;
  trial: Trial;
  samples: number[];
  failed?: string;
}

/** Short operations get a run that does not count; long ones cannot be told warm from cold. */
const warmUpFrom = 10;
/** A run, or a preparation (500 containers of an engine that needs 200 ms for each), that takes longer has failed. */
const patienceMs = { run: 120_000, prepare: 400_000 };

/** Prepares every subject, lets all take turns, and takes everything away again. A subject that fails leaves the others in. */
export async function measure(source: Case, options: RoundOptions): Promise<Row> {
  const { say, signal } = options;
  const outcomes: Row['outcomes'] = {};
  const subjects: Subject[] = [];
  await using undo = new AsyncDisposableStack();
  for (const [name, prepare] of preparations(source, options)) {
    signal.throwIfAborted();
    try {
      const trial = await patiently(prepare(), patienceMs.prepare);
      if (trial === undefined) continue;
      undo.defer(() =>
        trial.cleanup().catch((error: unknown) => say(`  ${name}: cleaning up: ${String(error)}`)),
      );
      subjects.push({ name, trial, samples: [] });
    } catch (error) {
      outcomes[name] = { failed: String(error) };
      say(`  ${name}: ${String(error)}`);
    }
  }
  const runs = options.runs ?? source.runs;
  for (let round = source.runs >= warmUpFrom ? -1 : 0; round < runs; round++)
    for (const subject of turns(subjects, round)) {
      signal.throwIfAborted();
      await runOnce(subject, round >= 0, say);
    }
  for (const { name, samples, failed } of subjects)
    outcomes[name] =
      failed === undefined ? { median: median(samples), samples: samples.map(rounded) } : { failed };
  return toRow(source, outcomes);
}

function preparations(
  source: Case,
  { engines, floor, fixtures }: RoundOptions,
): [SubjectName, () => Promise<Trial | undefined>][] {
  const { prepareFloor } = source;
  return [
    ...(floor && prepareFloor
      ? [['floor', () => prepareFloor(fixtures)] as [SubjectName, () => Promise<Trial>]]
      : []),
    ...engines.map((engine): [SubjectName, () => Promise<Trial | undefined>] => [
      engine.name,
      () => source.prepare(engine, fixtures),
    ]),
  ];
}

/** Everybody once, another one first in each round: nobody always follows the same neighbour's deletions. */
function turns(subjects: Subject[], round: number): Subject[] {
  const first = subjects.length === 0 ? 0 : (round + subjects.length) % subjects.length;
  return [...subjects.slice(first), ...subjects.slice(0, first)].filter(({ failed }) => failed === undefined);
}

async function runOnce(subject: Subject, counts: boolean, say: (text: string) => void): Promise<void> {
  try {
    const value = await patiently(subject.trial.once(), patienceMs.run);
    if (counts) subject.samples.push(value);
  } catch (error) {
    subject.failed = String(error);
    say(`  ${subject.name}: ${subject.failed}`);
  }
}

async function patiently<T>(work: Promise<T>, limitMs: number): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error(`no end after ${limitMs / 1000} s`)), limitMs);
  });
  try {
    return await Promise.race([work, late]);
  } finally {
    clearTimeout(timer);
  }
}

const rounded = (value: number): number => Math.round(value * 1000) / 1000;
