import { expect, test } from 'bun:test';
import { readFileSync, readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe as describeFile, readAll } from './describe.ts';

const folder = join(import.meta.dir, 'dockerfiles');
const files = (kind: 'good' | 'bad'): string[] => readdirSync(join(folder, kind)).sort();
const bytes = (kind: string, file: string): Uint8Array => readFileSync(join(folder, kind, file));

/** What every file means, one section each. `UPDATE_GOLDEN=1` writes it anew: then read the difference. */
function compare(kind: 'good' | 'bad'): void {
  const path = join(folder, `${kind}.golden`);
  const sections = files(kind).map(
    (file) => `=== ${file}\n${describeFile('Dockerfile', bytes(kind, file))}\n`,
  );
  if (process.env['UPDATE_GOLDEN'] === '1') writeFileSync(path, sections.join('\n'));
  const golden = readFileSync(path, 'utf8').split(/^(?==== )/m);
  expect(sections.length).toBeGreaterThan(60);
  for (const [index, section] of sections.entries())
    expect(section.trimEnd()).toBe((golden[index] ?? '').trimEnd());
}

test('good Dockerfiles mean what they did', () => compare('good'));

test('bad Dockerfiles are refused with the same words, at the same place', () => compare('bad'));

test('no good file is refused and no bad one taken', () => {
  for (const file of files('good')) expect(() => readAll(file, bytes('good', file))).not.toThrow();
  for (const file of files('bad')) expect(() => readAll(file, bytes('bad', file))).toThrow();
});

test('every word stands where its place says', () => {
  for (const file of files('good')) {
    const source = new TextDecoder().decode(bytes('good', file)).split(/\r?\n/);
    const { dockerfile } = readAll(file, bytes('good', file));
    for (const { keyword, span } of dockerfile.stages.flatMap((stage) => [
      stage.from,
      ...stage.instructions,
    ])) {
      const { line, column, length } = keyword.span;
      expect(source[line - 1]?.slice(column - 1, column - 1 + length)).toBe(keyword.text);
      expect(span.endLine).toBeGreaterThanOrEqual(line);
    }
  }
});
