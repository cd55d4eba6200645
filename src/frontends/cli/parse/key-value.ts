import { nameOfPair, splitPair } from '../../../foundation/base/split-pair.ts';

/** `key=value` words as a record; a word without `=` has an empty value, the last of a key wins. */
export function collectPairs(words: readonly string[]): Record<string, string> {
  const pairs: Record<string, string> = {};
  for (const word of words) {
    const [name, value = ''] = splitPair(word);
    pairs[name] = value;
  }
  return pairs;
}

/** For `--label`: a name is needed. */
export function checkLabel(text: string): void {
  if (nameOfPair(text).trim() === '') throw new Error(`invalid label '${text}': empty name`);
}
