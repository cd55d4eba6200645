import type { ContainerConfig } from '../../../engine/container/config.ts';

/** `colour=green,tier=front`: the labels and variables that the log options name, escaped as in a query, by name. */
export function logAttributes({ log, labels, env }: Pick<ContainerConfig, 'log' | 'labels' | 'env'>): string {
  const named = (option: string): string[] => (log.options[option] ?? '').split(',');
  const wantedLabels = Object.keys(labels).filter(chosenBy(named('labels'), log.options['labels-regex']));
  const fromLabels = wantedLabels.map((name) => [name, labels[name] ?? ''] as const);
  const isWantedVariable = chosenBy(named('env'), log.options['env-regex']);
  const fromEnv = env
    .map((entry) => splitOnce(entry))
    .filter(([name]) => name !== '' && isWantedVariable(name));
  const all = new Map([...fromLabels, ...fromEnv]);
  return [...all]
    .toSorted(([a], [b]) => (a < b ? -1 : 1))
    .map((pair) => pair.map(escape).join('='))
    .join(',');
}

/** By name or by pattern; patterns were checked when the container was made. */
function chosenBy(names: readonly string[], pattern: string | undefined): (name: string) => boolean {
  const wanted = new Set(names);
  const expression = pattern ? new RegExp(pattern) : undefined;
  return (name) => wanted.has(name) || expression?.test(name) === true;
}

function splitOnce(entry: string): readonly [string, string] {
  const equals = entry.indexOf('=');
  return equals < 0 ? [entry, ''] : [entry.slice(0, equals), entry.slice(equals + 1)];
}

function escape(text: string): string {
  return encodeURIComponent(text).replaceAll('%20', '+');
}
