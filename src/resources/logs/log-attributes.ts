import { splitPair } from '../../foundation/base/split-pair.ts';

interface Attributed {
  options: Record<string, string>;
  labels: Record<string, string>;
  /** `NAME=value` each. */
  env: readonly string[];
}

/** The labels and variables that the log options name, by name. */
export function chosenAttributes({ options, labels, env }: Attributed): (readonly [string, string])[] {
  const named = (option: string): string[] => (options[option] ?? '').split(',');
  const wantedLabels = Object.keys(labels).filter(chosenBy(named('labels'), options['labels-regex']));
  const fromLabels = wantedLabels.map((name) => [name, labels[name] ?? ''] as const);
  const isWantedVariable = chosenBy(named('env'), options['env-regex']);
  const fromEnv = env
    .map((entry): [string, string] => {
      const [name, value = ''] = splitPair(entry);
      return [name, value];
    })
    .filter(([name]) => name !== '' && isWantedVariable(name));
  return [...new Map([...fromLabels, ...fromEnv])].toSorted(([a], [b]) => (a < b ? -1 : 1));
}

/** By name or by pattern; patterns were checked when the container was made. */
function chosenBy(names: readonly string[], pattern: string | undefined): (name: string) => boolean {
  const wanted = new Set(names);
  const expression = pattern ? new RegExp(pattern) : undefined;
  return (name) => wanted.has(name) || expression?.test(name) === true;
}
