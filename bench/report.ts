/** Writes the table of a JSON file (default: results/latest.json) between the markers of docs/performance.md, and its ratios into README.md. */
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Results } from './results.ts';
import { toMarkdown, toRatios, toTable } from './table.ts';

const root = join(import.meta.dir, '..');
const source = process.argv[2] ?? join(import.meta.dir, 'results/latest.json');
const results = JSON.parse(readFileSync(source, 'utf8')) as Results;
writeBetween('docs/performance.md', 'bench', report(results));
writeBetween('README.md', 'figures', toMarkdown(toRatios(results)));

function writeBetween(name: string, marker: string, content: string): void {
  const page = join(root, name);
  const [begin, end] = [`<!-- ${marker}: begin -->`, `<!-- ${marker}: end -->`];
  const text = readFileSync(page, 'utf8');
  const from = text.indexOf(begin);
  const to = text.indexOf(end);
  if (from < 0 || to < from) throw new Error(`${page} has no markers ${begin} and ${end}`);
  writeFileSync(page, `${text.slice(0, from + begin.length)}\n${content}\n${text.slice(to)}`);
}

function report(found: Results): string {
  const { machine, versions } = found;
  const facts = [
    `${machine.system}, kernel ${machine.kernel}`,
    `${machine.processors} x ${machine.processor}, ${machine.memoryGb} GB`,
    `load average ${found.load.join(' before, ')} after`,
    Object.entries(versions)
      .map(([name, version]) => `${name} ${version}`)
      .join(', '),
    `Silo from ${found.silo} at ${found.commit}`,
    found.when.slice(0, 10),
  ];
  return `${facts.join('; ')}. Medians, in ms where the row names no unit.\n\n${toMarkdown(toTable(found))}`;
}
