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

/** In the file an answer that is the same as an earlier one is only its name: most versions of the API answer alike. */
interface Kept {
  docker: string;
  answers: Record<string, Told | string>;
}

export function readFacts(chapter: string): Facts | undefined {
  if (!existsSync(place(chapter))) return undefined;
  const { docker, answers } = JSON.parse(readFileSync(place(chapter), 'utf8')) as Kept;
  const resolve = (answer: Told | string): Told => {
    if (typeof answer !== 'string') return answer;
    const other = answers[answer];
    if (other === undefined) throw new Error(`facts of ${chapter} lack ${answer}`);
    return resolve(other);
  };
  return {
    docker,
    answers: Object.fromEntries(Object.entries(answers).map(([name, answer]) => [name, resolve(answer)])),
  };
}

export function writeFacts(chapter: string, { docker, answers }: Facts): void {
  const first = new Map<string, string>();
  const kept: Kept = { docker, answers: {} };
  for (const [name, answer] of Object.entries(answers)) {
    const words = JSON.stringify(answer);
    const same = first.get(words);
    if (same === undefined) first.set(words, name);
    // A short answer says more than the name of another.
    kept.answers[name] = same !== undefined && words.length > 300 ? same : answer;
  }
  writeFileSync(place(chapter), `${JSON.stringify(kept, null, 1)}\n`);
}
