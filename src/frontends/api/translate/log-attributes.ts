import type { ContainerConfig } from '../../../engine/container/config.ts';
import { chosenAttributes } from '../../../resources/logs/log-attributes.ts';

/** `colour=green,tier=front`: the labels and variables that the log options name, escaped as in a query, by name. */
export function logAttributes({ log, labels, env }: Pick<ContainerConfig, 'log' | 'labels' | 'env'>): string {
  return chosenAttributes({ options: log.options, labels, env })
    .map((pair) => pair.map(escape).join('='))
    .join(',');
}

function escape(text: string): string {
  return encodeURIComponent(text).replaceAll('%20', '+');
}
