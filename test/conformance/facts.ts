import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Outcomes } from './scenario.ts';

/** What a real Docker answered, by scenario. */
export interface Facts {
  /** Version of the engine. */
  docker: string;
  /** `28.2`: the client whose words these are. */
  cli: string;
  scenarios: Record<string, Outcomes>;
}

const place = (chapter: string): string => join(import.meta.dir, 'facts', `${chapter}.json`);

export function readFacts(chapter: string): Facts | undefined {
  if (!existsSync(place(chapter))) return undefined;
  return JSON.parse(readFileSync(place(chapter), 'utf8')) as Facts;
}

export function writeFacts(chapter: string, facts: Facts): void {
  writeFileSync(place(chapter), `${JSON.stringify(facts, null, 2)}\n`);
}
