import { splitPair } from '../../../foundation/base/split-pair.ts';

/** `NAME=VALUE`, or `NAME` with the value of the CLI's own environment. */
export function readArguments(
  list: readonly string[],
  env: Readonly<Record<string, string | undefined>>,
): Map<string, string> {
  const found = new Map<string, string>();
  for (const text of list) {
    const [name, value = env[name]] = splitPair(text);
    if (value !== undefined) found.set(name, value);
  }
  return found;
}
