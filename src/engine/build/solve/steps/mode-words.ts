/** What `--chmod` makes of a mode. */
export type ChangeMode = (mode: number, isDirectory: boolean) => number;

/**
 * Octal digits, or words as chmod(1) takes them: `u+rwX,go-w`, `a=r`, `g=u`, `+t`. No umask counts, and links have no mode. Undefined when it is neither.
 */
export function parseMode(text: string): ChangeMode | undefined {
  if (/^[0-7]{1,4}$/.test(text)) {
    const mode = Number.parseInt(text, 8);
    return () => mode;
  }
  if (text.length > 1000) return undefined;
  const changes = text.split(',').map(parseClause);
  if (!changes.every((change) => change !== undefined)) return undefined;
  return (mode, isDirectory) => changes.reduce((now, change) => change(now, isDirectory), mode);
}

const classes = { u: 0o700, g: 0o070, o: 0o007 } as const;
const special = { u: 0o4000, g: 0o2000, o: 0 } as const;
type Who = keyof typeof classes;
const everybody: readonly Who[] = ['u', 'g', 'o'];

function parseClause(clause: string): ChangeMode | undefined {
  const match = /^([ugoa]*)((?:[-+=](?:[rwxXst]*|[ugo]))+)$/.exec(clause);
  if (!match) return undefined;
  const [, names = '', actions = ''] = match;
  const who =
    names === '' || names.includes('a') ? everybody : everybody.filter((one) => names.includes(one));
  const hasSticky = names === '' || names.includes('a') || names.includes('o');
  const steps = [...actions.matchAll(/([-+=])([rwxXst]*|[ugo])(?=[-+=]|$)/g)];
  return (mode, isDirectory) => {
    let now = mode;
    for (const [, sign = '', letters = ''] of steps) {
      const bits = bitsOf(letters, now, { who, isDirectory, hasSticky });
      const mask = who.reduce((sum, one) => sum | classes[one] | special[one], hasSticky ? 0o1000 : 0);
      if (sign === '+') now |= bits;
      else if (sign === '-') now &= ~bits;
      // A directory keeps its set-id bits unless they are named, as GNU chmod has it.
      else now = (now & ~(isDirectory ? mask & 0o777 : mask)) | bits;
    }
    return now;
  };
}

interface Clause {
  who: readonly Who[];
  isDirectory: boolean;
  hasSticky: boolean;
}

function bitsOf(letters: string, mode: number, { who, isDirectory, hasSticky }: Clause): number {
  const each = (three: number): number => who.reduce((sum, one) => sum | ((three * 0o111) & classes[one]), 0);
  if (letters === 'u') return each((mode >> 6) & 7);
  if (letters === 'g') return each((mode >> 3) & 7);
  if (letters === 'o') return each(mode & 7);
  let bits = 0;
  for (const letter of letters) {
    if (letter === 'r') bits |= each(4);
    else if (letter === 'w') bits |= each(2);
    else if (letter === 'x' || (letter === 'X' && (isDirectory || (mode & 0o111) !== 0))) bits |= each(1);
    else if (letter === 's') bits |= who.reduce<number>((sum, one) => sum | special[one], 0);
    else if (letter === 't' && hasSticky) bits |= 0o1000;
  }
  return bits;
}
