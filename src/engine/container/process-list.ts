import { invalid } from '../../foundation/base/errors.ts';
import { type Column, type HostView, viewHost } from './process-columns.ts';
import type { ProcessFacts } from './process-facts.ts';
import { parsePsOptions } from './ps-options.ts';

/** What `ps` would print for these processes; nothing is executed, so options that we do not know are refused. */
export function formatProcesses(
  processes: ProcessFacts[],
  words: string[],
): { titles: string[]; processes: string[][] } {
  const { columns: chosen, sortBy } = parsePsOptions(words);
  // Docker finds the container's own by this column.
  if (!chosen.some(({ title }) => title === 'PID'))
    throw invalid("Couldn't find PID field in ps output", { code: 'invalid-ps-options' });
  const host = viewHost();
  return {
    titles: chosen.map((column) => column.title),
    processes: sorted(processes, sortBy, host).map((process) =>
      chosen.map((column) => column.show(process, host)),
    ),
  };
}

function sorted(
  processes: ProcessFacts[],
  keys: readonly { column: Column; isDescending: boolean }[],
  host: HostView,
): ProcessFacts[] {
  if (keys.length === 0) return processes;
  return processes.toSorted((a, b) => {
    for (const { column, isDescending } of keys) {
      const order = naturally(column.show(a, host), column.show(b, host));
      if (order !== 0) return isDescending ? -order : order;
    }
    return a.pid - b.pid;
  });
}

function naturally(a: string, b: string): number {
  const difference = Number(a) - Number(b);
  if (!Number.isNaN(difference)) return difference;
  return a < b ? -1 : a > b ? 1 : 0;
}
