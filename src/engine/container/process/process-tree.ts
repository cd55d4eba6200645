import type { ProcessFacts } from './process-facts.ts';

/** Deeper ones are drawn at this depth: a chain of thousands of processes would be megabytes of branches. */
const deepest = 64;

/** Children behind their parents, with what stands before their names; brothers keep their order. Who has no parent among them is at the root. */
export function toTree(
  processes: readonly ProcessFacts[],
  style: 'branches' | 'indented',
): { process: ProcessFacts; prefix: string }[] {
  const known = new Set(processes.map(({ pid }) => pid));
  const children = Map.groupBy(processes, ({ pid, parent }) =>
    known.has(parent) && parent !== pid ? parent : undefined,
  );
  const placed: { process: ProcessFacts; prefix: string }[] = [];
  // A stack of our own: a chain of processes may be longer than the calls that fit.
  const waiting = (children.get(undefined) ?? [])
    .map((process) => ({ process, above: '', isLast: true, depth: 0 }))
    .toReversed();
  for (let next = waiting.pop(); next !== undefined; next = waiting.pop()) {
    const { process, above, isLast, depth } = next;
    placed.push({ process, prefix: style === 'indented' ? '  '.repeat(depth) : branch(above, depth) });
    const below = children.get(process.pid) ?? [];
    children.delete(process.pid);
    const inner = depth === 0 || depth >= deepest ? above : `${above}${isLast ? '    ' : ' |  '}`;
    const nextDepth = Math.min(depth + 1, deepest);
    for (const [index, child] of [...below.entries()].toReversed())
      waiting.push({ process: child, above: inner, isLast: index === below.length - 1, depth: nextDepth });
  }
  return placed;
}

const branch = (above: string, depth: number): string => (depth === 0 ? '' : `${above} \\_ `);
