/** `NAME=VALUE` at its first equals sign; without one there is no value. */
export function splitPair(text: string): [name: string, value: string | undefined] {
  const equals = text.indexOf('=');
  return equals < 0 ? [text, undefined] : [text.slice(0, equals), text.slice(equals + 1)];
}

/** The name alone, as variables are compared. */
export const nameOfPair = (text: string): string => splitPair(text)[0];
