/** `key=value` words as a record; a word without `=` has an empty value, the last of a key wins. */
export function collectPairs(words: readonly string[]): Record<string, string> {
  const pairs: Record<string, string> = {};
  for (const word of words) {
    const equals = word.indexOf('=');
    if (equals < 0) pairs[word] = '';
    else pairs[word.slice(0, equals)] = word.slice(equals + 1);
  }
  return pairs;
}

/** For `--label`: a name is needed. */
export function checkLabel(text: string): void {
  const name = text.split('=')[0] ?? '';
  if (name.trim() === '') throw new Error(`invalid label '${text}': empty name`);
}
