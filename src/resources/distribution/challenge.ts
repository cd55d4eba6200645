/** One challenge of `WWW-Authenticate`. RFC 9110 section 11.6.1. */
export interface Challenge {
  /** Lower case. */
  scheme: string;
  /** Names in lower case; the first of equal names counts. */
  parameters: Record<string, string>;
}

const maximumLength = 8192;
const token = "[!#$%&'*+.^_`|~0-9A-Za-z-]+";
const parameter = new RegExp(`^(${token})\\s*=\\s*(?:"((?:[^"\\\\]|\\\\.)*)"|(${token}))`);
const schemeWord = new RegExp(`^(${token})(?:\\s+|\\s*,|$)`);

/** Reads all challenges of the header, several in one line included; what cannot be read ends the list. */
export function parseChallenges(header: string): Challenge[] {
  const challenges: Challenge[] = [];
  let rest = header.slice(0, maximumLength).trim();
  while (rest !== '') {
    const pair = parameter.exec(rest);
    const current = challenges.at(-1);
    if (pair && current) {
      const name = (pair[1] ?? '').toLowerCase();
      if (!Object.hasOwn(current.parameters, name))
        current.parameters[name] = pair[2]?.replace(/\\(.)/g, '$1') ?? pair[3] ?? '';
      rest = rest.slice(pair[0].length);
    } else {
      const word = schemeWord.exec(rest);
      if (!word) break;
      // No prototype: a parameter may have any name.
      challenges.push({
        scheme: (word[1] ?? '').toLowerCase(),
        parameters: Object.create(null) as Record<string, string>,
      });
      rest = rest.slice((word[1] ?? '').length);
    }
    rest = rest.replace(/^[\s,]+/, '');
  }
  return challenges;
}
