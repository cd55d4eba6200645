import { splitPair } from '../../../foundation/base/split-pair.ts';
import { invalid } from '../../../foundation/base/errors.ts';
import { collectPairs } from './key-value.ts';
import { readNamedFile } from './read-file.ts';

type Env = Readonly<Record<string, string | undefined>>;

/** For `-e`: a name is needed. */
export function checkEnv(text: string): void {
  if (text === '' || text.startsWith('=')) throw new Error(`invalid environment variable: ${text}`);
}

/** Files first, then `-e`; a bare name takes its value from this process, and when there is none asks to unset it. */
export async function collectEnv(
  files: readonly string[],
  values: readonly string[],
  env: Env,
): Promise<string[]> {
  const collected: string[] = [];
  for (const file of files) collected.push(...parseKeyValueFile(await readNamedFile(file), env));
  for (const value of values) {
    const fromHere = value.includes('=') ? undefined : env[value];
    collected.push(fromHere === undefined ? value : `${value}=${fromHere}`);
  }
  return collected;
}

/** Label files have the same form, but a bare name is a label without value. */
export async function collectLabels(
  files: readonly string[],
  values: readonly string[],
): Promise<Record<string, string>> {
  const lines: string[] = [];
  for (const file of files) lines.push(...parseKeyValueFile(await readNamedFile(file), {}));
  return collectPairs([...lines, ...values]);
}

/** `NAME=value` lines; `#` begins a comment line. Without `env` a bare name is kept, with it a name that is not there is dropped. */
export function parseKeyValueFile(text: string, env?: Env): string[] {
  const pairs: string[] = [];
  text
    .replace(/^\uFEFF/, '')
    .split(/\r?\n/)
    .forEach((raw, index) => {
      if (raw.includes('\uFFFD')) throw invalid(`invalid utf8 bytes at line ${index + 1}`);
      const line = raw.trimStart();
      if (line === '' || line.startsWith('#')) return;
      const [name, value] = splitPair(line);
      if (/\s/.test(name))
        throw invalid(`poorly formatted environment: variable '${name}' contains whitespaces`);
      if (name === '') throw invalid(`poorly formatted environment: no variable name on line '${line}'`);
      if (value !== undefined) pairs.push(line);
      else if (env === undefined) pairs.push(name);
      else if (env[name] !== undefined) pairs.push(`${name}=${env[name]}`);
    });
  return pairs;
}
