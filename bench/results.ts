import { readFileSync } from 'node:fs';
import { cpus, loadavg, release, totalmem } from 'node:os';
import type { Case, Unit } from './case.ts';
import { outputOf } from './command.ts';
import type { EngineName } from './engines/engine.ts';

export type SubjectName = EngineName | 'floor';

export type Outcome = { median: number; samples: number[] } | { failed: string };

export interface Row {
  name: string;
  title: string;
  unit: Unit;
  target?: number;
  outcomes: Partial<Record<SubjectName, Outcome>>;
}

/** What one run of the benchmark found; the JSON file. */
export interface Results {
  when: string;
  commit: string;
  /** Whether `dist/silo` or the sources ran. */
  silo: string;
  machine: { processor: string; processors: number; memoryGb: number; kernel: string; system: string };
  /** Load average of one minute, before and after. */
  load: [number, number];
  versions: Partial<Record<SubjectName, string>>;
  rows: Row[];
  later: readonly string[];
}

export function median(samples: readonly number[]): number {
  const sorted = samples.toSorted((a, b) => a - b);
  const middle = sorted.length / 2;
  const upper = sorted[Math.floor(middle)] ?? Number.NaN;
  return sorted.length % 2 === 1 ? upper : ((sorted[middle - 1] ?? Number.NaN) + upper) / 2;
}

export function toRow(source: Case, outcomes: Row['outcomes']): Row {
  const { name, title, unit, target } = source;
  return { name, title, unit, ...(target === undefined ? {} : { target }), outcomes };
}

export function machineFacts(): Results['machine'] {
  const system = readFileSync('/etc/os-release', 'utf8');
  return {
    processor: cpus()[0]?.model ?? 'unknown',
    processors: cpus().length,
    memoryGb: Math.round(totalmem() / 2 ** 30),
    kernel: release(),
    system: /^PRETTY_NAME="?([^"\n]*)/m.exec(system)?.[1] ?? 'unknown',
  };
}

export const currentLoad = (): number => Math.round((loadavg()[0] ?? 0) * 100) / 100;

export async function currentCommit(): Promise<string> {
  const describe = ['git', '-C', import.meta.dir, 'describe', '--always', '--dirty'];
  return await outputOf(describe).then(
    (text) => text.trim(),
    () => 'unknown',
  );
}
