import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Told } from './play.ts';

/** What a real Docker answered, by the words of the case. */
export interface Facts {
  /** Version of the engine. */
  docker: string;
  answers: Record<string, Told>;
}

const place = (chapter: string): string => join(import.meta.dir, 'facts', `${chapter}.json`);

export function readFacts(chapter: string): Facts | undefined {
  return existsSync(place(chapter)) ? (JSON.parse(readFileSync(place(chapter), 'utf8')) as Facts) : undefined;
}

export function writeFacts(chapter: string, facts: Facts): void {
  writeFileSync(place(chapter), `${JSON.stringify(facts, null, 1)}\n`);
}
