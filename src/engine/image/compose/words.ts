/** The words of one Dockerfile instruction's arguments: quotes, backslashes, and `$name` from the image's environment. */

type Environment = ReadonlyMap<string, string>;

/** Splits at blanks outside of quotes; each word is unquoted and expanded. */
export function splitWords(text: string, environment: Environment): string[] {
  return scan(text, environment, /\s/);
}

/** One value that may hold blanks: unquoted and expanded as a whole. */
export function expandText(text: string, environment: Environment): string {
  return scan(text, environment, undefined).join('');
}

function scan(text: string, environment: Environment, separator: RegExp | undefined): string[] {
  const words: string[] = [];
  let word: string | undefined;
  let at = 0;
  let quote = '';
  while (at < text.length) {
    const char = text.charAt(at);
    if (quote === '' && separator?.test(char)) {
      if (word !== undefined) words.push(word);
      word = undefined;
      at++;
      continue;
    }
    word ??= '';
    if (quote !== "'" && char === '\\' && at + 1 < text.length) {
      const next = text.charAt(at + 1);
      // Inside double quotes a backslash means itself before all but these.
      word += quote === '' || /["$\\]/.test(next) ? next : `\\${next}`;
      at += 2;
    } else if (quote === char || (quote === '' && /["']/.test(char))) {
      quote = quote === '' ? char : '';
      at++;
    } else if (quote !== "'" && char === '$') {
      const { value, length } = expandAt(text.slice(at), environment);
      word += value;
      at += length;
    } else {
      word += char;
      at++;
    }
  }
  if (word !== undefined) words.push(word);
  return words;
}

// `$name`, `${name}`, `${name:-default}`, `${name:+alternative}`; the pattern is linear.
const variable = /^\$(?:([A-Za-z_]\w*)|\{([A-Za-z_]\w*)(?::([-+])([^}]*))?\})/;

function expandAt(text: string, environment: Environment): { value: string; length: number } {
  const match = variable.exec(text);
  if (!match) return { value: '$', length: 1 };
  const [whole, plain, braced, modifier, other = ''] = match;
  const found = environment.get(plain ?? braced ?? '') ?? '';
  const value =
    modifier === '-' && found === '' ? other : modifier === '+' ? (found === '' ? '' : other) : found;
  return { value, length: whole.length };
}
