import { invalid } from '../../../foundation/base/errors.ts';
import { type Column, type HostView, viewHost } from './process-columns.ts';
import type { ProcessFacts } from './process-facts.ts';
import { toTree } from './process-tree.ts';
import { parsePsOptions, type PsOptions } from './ps-options.ts';

/** A line of the list: a process, a thread that stands for itself, or one below its process. */
interface Line {
  facts: ProcessFacts;
  /** Of a layout with both. */
  kind?: 'process' | 'thread';
  /** Before the name. */
  prefix?: string;
}

/** What `ps` would print for these processes; nothing is executed, so options that we do not know are refused. */
export async function formatProcesses(
  processes: readonly ProcessFacts[],
  words: readonly string[],
  threadsOf: (process: ProcessFacts) => Promise<readonly ProcessFacts[]>,
): Promise<{ titles: string[]; processes: string[][] }> {
  const options = parsePsOptions(words);
  const { columns: chosen } = options;
  // Docker finds the container's own by this column.
  if (!chosen.some(({ title }) => title === 'PID'))
    throw invalid("Couldn't find PID field in ps output", { code: 'invalid-ps-options' });
  const host = viewHost();
  const lines = await linesOf(sorted(processes, options.sortBy, host), options, threadsOf);
  return {
    titles: chosen.map((column) => column.title),
    processes: lines.map((line) => chosen.map((column) => show(column, line, host))),
  };
}

async function linesOf(
  processes: readonly ProcessFacts[],
  { tree, threads }: PsOptions,
  threadsOf: (process: ProcessFacts) => Promise<readonly ProcessFacts[]>,
): Promise<Line[]> {
  const placed: Line[] = tree
    ? toTree(processes, tree).map(({ process, prefix }) => ({ facts: process, prefix }))
    : processes.map((facts) => ({ facts }));
  if (threads === undefined) return placed;
  const lines: Line[] = [];
  for (const line of placed) {
    const found = await threadsOf(line.facts);
    if (threads === 'below') {
      lines.push({ ...line, kind: 'process' });
      for (const facts of found) lines.push({ facts, kind: 'thread' });
    } else for (const facts of found) lines.push({ ...line, facts });
  }
  return lines;
}

function show(
  { of, isName, show: format }: Column,
  { facts, kind, prefix = '' }: Line,
  host: HostView,
): string {
  if (kind !== undefined && of !== undefined && of !== kind) return '-';
  return isName ? `${prefix}${format(facts, host)}` : format(facts, host);
}

function sorted(
  processes: readonly ProcessFacts[],
  keys: PsOptions['sortBy'],
  host: HostView,
): readonly ProcessFacts[] {
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
