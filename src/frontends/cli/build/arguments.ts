/** `NAME=VALUE`, or `NAME` with the value of the CLI's own environment. */
export function readArguments(
  list: readonly string[],
  env: Readonly<Record<string, string | undefined>>,
): Map<string, string> {
  const found = new Map<string, string>();
  for (const text of list) {
    const equals = text.indexOf('=');
    const name = equals < 0 ? text : text.slice(0, equals);
    const value = equals < 0 ? env[name] : text.slice(equals + 1);
    if (value !== undefined) found.set(name, value);
  }
  return found;
}

/** `KEY=VALUE`, or `KEY` alone with an empty value. */
export function readLabel(text: string): [string, string] {
  const equals = text.indexOf('=');
  return equals < 0 ? [text, ''] : [text.slice(0, equals), text.slice(equals + 1)];
}
