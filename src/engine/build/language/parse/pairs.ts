import type { Arg, Env, Label, Pair } from '../instruction.ts';
import { spanIn, wordIn } from '../text/logical-line.ts';
import { isSpace, splitQuoted } from '../words/split.ts';
import type { Slice } from '../words/split.ts';
import { fault, missing } from './context.ts';
import type { Parsing } from './context.ts';

/** ENV and LABEL: `A=1 B="two words"`, or the old `A all the rest`. */
export function parsePairs(parsing: Parsing): Pick<Env | Label, 'pairs' | 'legacy'> {
  const { line, escape, restAt, name } = parsing;
  const slices = splitQuoted(line.text, escape, restAt);
  const [first] = slices;
  if (first === undefined) throw missing(parsing, 'at least one argument', `${name} KEY=value`);
  if (!line.text.slice(first.start, first.end).includes('='))
    return { pairs: [legacyPair(parsing, first)], legacy: true };
  return { pairs: slices.map((slice) => pairIn(parsing, slice)), legacy: false };
}

function legacyPair(parsing: Parsing, { start, end }: Slice): Env['pairs'][number] {
  const { line, name } = parsing;
  let at = end;
  while (at < line.text.length && isSpace(line.text.charCodeAt(at))) at++;
  if (at >= line.text.length)
    throw fault(parsing, spanIn(line, start, end), {
      code: 'missing-value',
      message: `${name} must have two arguments`,
      hint: `write ${name} ${line.text.slice(start, Math.min(end, start + 60))}=value`,
    });
  return { key: wordIn(line, start, end), value: wordIn(line, at, line.text.length) };
}

function pairIn(parsing: Parsing, { start, end }: Slice): Env['pairs'][number] {
  const { line, name } = parsing;
  const equals = line.text.slice(start, end).indexOf('=');
  if (equals < 0)
    throw fault(parsing, spanIn(line, start, end), {
      code: 'missing-equals',
      message: `Syntax error - can't find = in ${JSON.stringify(line.text.slice(start, Math.min(end, start + 200)))}. Must be of the form: name=value`,
      hint: 'quote values that hold spaces',
    });
  if (equals === 0)
    throw fault(parsing, spanIn(line, start, end), {
      code: 'blank-name',
      message: `${name} names can not be blank`,
    });
  const key = wordIn(line, start, start + equals);
  return { key, value: wordIn(line, start + equals + 1, end) };
}

/** `ARG A B=default`. */
export function parseArgs(parsing: Parsing): Pick<Arg, 'args'> {
  const { line, escape, restAt } = parsing;
  const slices = splitQuoted(line.text, escape, restAt);
  if (slices.length === 0) throw missing(parsing, 'at least one argument', 'ARG VERSION=1.0');
  const args = slices.map((slice): Pair => {
    const text = line.text.slice(slice.start, slice.end);
    return text.includes('=') ? pairIn(parsing, slice) : { key: wordIn(line, slice.start, slice.end) };
  });
  return { args };
}
