/** Writes the table of a JSON file (default: results/latest.json) between the markers of docs/performance.md. */
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Results } from './results.ts';
import { toMarkdown, toTable } from './table.ts';

const page = join(import.meta.dir, '../docs/performance.md');
const source = process.argv[2] ?? join(import.meta.dir, 'results/latest.json');
const begin = '<!-- bench: begin -->';
const end = '<!-- bench: end -->';

const text = readFileSync(page, 'utf8');
const from = text.indexOf(begin);
const to = text.indexOf(end);
if (from < 0 || to < from) throw new Error(`${page} has no markers ${begin} and ${end}`);
const results = JSON.parse(readFileSync(source, 'utf8')) as Results;
writeFileSync(page, `${text.slice(0, from + begin.length)}\n${report(results)}\n${text.slice(to)}`);

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
