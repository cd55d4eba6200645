import type { From } from '../instruction.ts';
import { spanAcross } from '../text/span.ts';
import { splitPlain } from '../words/split.ts';
import { fault, missing, words } from './context.ts';
import type { Parsing } from './context.ts';
import { flagValue } from './flags.ts';

/** `FROM [--platform=P] IMAGE [AS NAME]`. */
export function parseFrom(parsing: Parsing): Pick<From, 'image' | 'platform' | 'as' | 'asKeyword'> {
  const list = words(parsing, splitPlain(parsing.line.text, parsing.restAt));
  const [image, asKeyword, as, extra] = list;
  if (image === undefined) throw missing(parsing, 'an image', 'FROM debian:trixie AS build');
  const platform = flagValue(parsing.flags, 'platform');
  const base = { image, ...(platform === undefined ? {} : { platform }) };
  if (asKeyword === undefined) return base;
  if (as === undefined || extra !== undefined || asKeyword.text.toLowerCase() !== 'as')
    throw fault(parsing, spanAcross(asKeyword.span, list.at(-1)?.span ?? asKeyword.span), {
      code: 'invalid-from',
      message: 'FROM requires either one or three arguments',
      hint: list.some(({ text }) => text.startsWith('#'))
        ? 'a comment needs a line of its own'
        : 'write FROM IMAGE AS NAME',
    });
  if (!/^[a-z][a-z0-9-_.]*$/i.test(as.text))
    throw fault(parsing, as.span, {
      code: 'invalid-stage-name',
      message: `invalid name for build stage: ${JSON.stringify(as.text)}, name can't start with a number or contain symbols`,
      hint: 'letters, digits, dots, dashes and underscores, and a letter first',
    });
  return { ...base, as, asKeyword };
}
