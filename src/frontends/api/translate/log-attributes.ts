import type { ContainerConfig } from '../../../engine/container/config.ts';

/** Log options that choose what `logs --details` shows. */
export const attributeOptions: ReadonlySet<string> = new Set(['labels', 'env']);

/** `colour=green,tier=front`: the labels and variables that the log options name, escaped as in a query, by name. */
export function logAttributes({ log, labels, env }: Pick<ContainerConfig, 'log' | 'labels' | 'env'>): string {
  const named = (option: string): string[] => (log.options[option] ?? '').split(',');
  const wantedLabels = named('labels').filter((name) => Object.hasOwn(labels, name));
  const fromLabels = wantedLabels.map((name) => [name, labels[name] ?? ''] as const);
  const wantedVariables = new Set(named('env'));
  const fromEnv = env
    .map((entry) => splitOnce(entry))
    .filter(([name]) => name !== '' && wantedVariables.has(name));
  const all = new Map([...fromLabels, ...fromEnv]);
  return [...all]
    .toSorted(([a], [b]) => (a < b ? -1 : 1))
    .map((pair) => pair.map(escape).join('='))
    .join(',');
}

function splitOnce(entry: string): readonly [string, string] {
  const equals = entry.indexOf('=');
  return equals < 0 ? [entry, ''] : [entry.slice(0, equals), entry.slice(equals + 1)];
}

function escape(text: string): string {
  return encodeURIComponent(text).replaceAll('%20', '+');
}
