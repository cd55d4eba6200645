import type { KnownDifference, Pending } from './known-differences.ts';
import { callsOf, type Outcome, type Outcomes, type Scenario } from './scenario.ts';

export interface Difference {
  call: string;
  what: string;
  docker?: string | number | undefined;
  silo?: string | number | undefined;
}

/**
 * Where the answers of Silo are not those of the real engine, known differences applied. A known difference that is not there is told as
 * well: the table stays true.
 */
export function compare(
  scenario: Scenario,
  expected: Outcomes,
  actual: Outcomes,
  known: KnownDifference[],
): Difference[] {
  const keys = callsOf(scenario).map(({ key }) => key);
  const strange = Object.keys(expected).filter((key) => !keys.includes(key));
  return [
    ...strange.map((call) => ({
      call,
      what: 'the facts have it, the table has not: record the facts again',
    })),
    ...keys.flatMap((key) => {
      const [docker, silo] = [expected[key], actual[key]];
      if (!docker || !silo) return [{ call: key, what: 'no facts: record them with SILO_RECORD=1' }];
      return compareCall(
        key,
        { docker, silo },
        known.filter((entry) => isAt(entry, scenario.name, key)),
      );
    }),
  ];
}

export function isAt(entry: KnownDifference, scenario: string, key: string): boolean {
  return entry.at.test(`${scenario} > ${key.replace(/^\d+ /, '')}`);
}

function compareCall(
  call: string,
  { docker, silo }: { docker: Outcome; silo: Outcome },
  known: KnownDifference[],
): Difference[] {
  const expected = { code: docker.code, stdout: docker.stdout ?? '', stderr: docker.stderr ?? '' };
  const vanished: Difference[] = [];
  for (const entry of known) {
    const before = JSON.stringify(expected);
    if (entry.code) expected.code = entry.code[expected.code] ?? expected.code;
    for (const name of ['stdout', 'stderr'] as const) {
      for (const [from, to] of entry[name] ?? []) expected[name] = expected[name].replace(from, to);
    }
    if (before === JSON.stringify(expected))
      vanished.push({ call, what: `this known difference has nothing to change here: ${entry.reason}` });
  }
  const real = { code: docker.code, stdout: docker.stdout ?? '', stderr: docker.stderr ?? '' };
  const differences = (['code', 'stdout', 'stderr'] as const).flatMap((what) => {
    const answer = silo[what] ?? '';
    if (answer === expected[what]) return [];
    if (answer === real[what])
      return [{ call, what: `a known difference of the ${what} has vanished: take it from the table` }];
    return [{ call, what, docker: expected[what], silo: answer }];
  });
  return [...vanished, ...differences];
}

/** `compare`, with a scenario that is pending turned around: its differences are told, and that there is none is the difference. */
export function judge(
  scenario: Scenario,
  expected: Outcomes,
  actual: Outcomes,
  known: KnownDifference[],
  pending: Pending[],
): Difference[] {
  const differences = compare(scenario, expected, actual, known);
  const waits = pending.find((entry) => entry.scenario === scenario.name);
  if (!waits) return differences;
  const calls = [...new Set(differences.map(({ call }) => call))];
  if (calls.length === 0)
    return [{ call: scenario.name, what: 'nothing differs any more: take it from the pending ones' }];
  console.log(`skipped: pending: ${scenario.name}: ${waits.reason} (${calls.length} calls differ)`);
  return [];
}
