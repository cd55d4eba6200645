import { parseArgs } from 'node:util';
import { cases } from './cases/index.ts';
import type { Case } from './case.ts';
import { engineNames } from './engines/engine.ts';

export const usage = `Usage: bun bench/bench.ts [options]
  --only NAMES      only these cases, with commas: ${cases.map(({ name }) => name).join(' ')}
  --runs N          so many runs of each subject instead of the case's own number
  --engines NAMES   only these of: ${[...engineNames, 'floor'].join(' ')}
  --json FILE       where the results go (default: bench/results/latest.json for all cases, partial.json for some)
  --peers FILE      the program that starts Docker and Podman (default: $SILO_PEERS or ../shared/tools/peers, when it is there)
  --force           measure although the machine is busy
DOCKER_HOST=unix:///PATH measures that Docker instead of the peers'.`;

export interface BenchOptions {
  cases: readonly Case[];
  subjects: readonly string[];
  runs?: number;
  json?: string;
  peers?: string;
  force: boolean;
}

/** Throws an error with a sentence for the user when the words make no sense. */
export function parseOptions(words: string[]): BenchOptions {
  const { values } = parseArgs({
    args: words,
    options: {
      only: { type: 'string' },
      runs: { type: 'string' },
      engines: { type: 'string' },
      json: { type: 'string' },
      peers: { type: 'string' },
      force: { type: 'boolean', default: false },
    },
  });
  const all = [...engineNames, 'floor'];
  const runs = values.runs === undefined ? undefined : Number(values.runs);
  if (runs !== undefined && !(Number.isInteger(runs) && runs > 0))
    throw new Error('--runs wants a whole number above 0');
  const only = chosen(
    values.only,
    cases.map(({ name }) => name),
    '--only',
  );
  return {
    cases: cases.filter(({ name }) => only.includes(name)),
    subjects: chosen(values.engines, all, '--engines'),
    ...(runs === undefined ? {} : { runs }),
    ...(values.json === undefined ? {} : { json: values.json }),
    ...(values.peers === undefined ? {} : { peers: values.peers }),
    force: values.force,
  };
}

function chosen(text: string | undefined, known: readonly string[], option: string): readonly string[] {
  if (text === undefined) return known;
  const names = text.split(',').map((name) => name.trim());
  const unknown = names.find((name) => !known.includes(name));
  if (unknown !== undefined) throw new Error(`${option}: unknown "${unknown}"; known: ${known.join(', ')}`);
  return names;
}
