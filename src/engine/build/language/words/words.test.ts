import { expect, test } from 'bun:test';
import recorded from '../../../../../test/build/recorded/expansion.json';
import { expand, longestValue } from './expand.ts';
import { splitQuoted, unquote } from './split.ts';

const environment = new Map(Object.entries(recorded.environment));
const lookup = (name: string): string | undefined => environment.get(name);
const value = (text: string): string => {
  const result = expand(text, { lookup, escape: '\\' });
  return result.ok ? result.text : `! ${result.message}`;
};

/** Where we answer and Docker 26.1 dies: its daemon ends with a panic at an empty pattern. */
const ours: Record<string, string> = { '${p#}': 'one/two/three/four', '${p%}': 'one/two/three/four' };

for (const one of recorded.cases)
  test(`${JSON.stringify(one.text)} expands as in Docker`, () => {
    // As the value of `LABEL k=…`: a word that ends at the first space.
    const word = splitQuoted(one.text, '\\')[0] ?? { start: 0, end: 0 };
    const text = one.text.slice(word.start, word.end);
    const expected = ours[one.text] ?? one.value;
    if (expected !== undefined) expect(value(text)).toBe(expected);
    else if (text === one.text.trimEnd()) expect(value(text)).toStartWith('! ');
  });

test('names without a value are told with their place, except where a default stands', () => {
  const result = expand('a${none}b$none2 ${none3:-x} $a', { lookup, escape: '\\' });
  expect(result).toMatchObject({
    ok: true,
    text: 'ab x A',
    missing: [
      { name: 'none', start: 1, length: 7 },
      { name: 'none2', start: 9, length: 6 },
    ],
  });
});

test('hostile words end quickly with an error', () => {
  expect(value('${a:-'.repeat(200_000))).toBe('! substitutions are nested too deeply');
  const long = new Map([['x', 'a'.repeat(longestValue)]]);
  const wide = { lookup: (name: string) => long.get(name), escape: '\\' };
  expect(expand('$x$x$x$x$x$x', wide).ok).toBe(false);
  expect(expand('${x//*a*a*a*a*b/y}', wide)).toMatchObject({ ok: false });
  expect(expand('${x//a/bbbbbbbbbbbbbb}', wide)).toMatchObject({ ok: false });
  expect(value("'".repeat(100_001))).toBe('! a single quote is not closed');
}, 60_000);

test('the escape character can be a backtick', () => {
  expect(expand('C:\\a`$x"`""', { lookup, escape: '`' })).toMatchObject({ text: 'C:\\a$x"' });
  expect(unquote('C:\\a"`"b"', '`')).toBe('C:\\a"b');
});
