import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

const sources = join(import.meta.dir, '../../src');

/** Names of all fault points of the engine, in the order of the sources. */
export function knownFaultPoints(): string[] {
  const files = readdirSync(sources, { recursive: true, encoding: 'utf8' })
    .filter((path) => path.endsWith('.ts') && !path.endsWith('.test.ts'))
    .toSorted();
  return files.flatMap((path) =>
    [...readFileSync(join(sources, path), 'utf8').matchAll(/\bfaultPoint\('([^']+)'\)/g)].map(
      (match) => match[1] ?? '',
    ),
  );
}
