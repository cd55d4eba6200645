import type { Fault } from '../text/fault.ts';
import { faultAt } from '../text/fault.ts';
import { wordIn } from '../text/logical-line.ts';
import type { LogicalLine } from '../text/logical-line.ts';
import type { Source } from '../text/source.ts';
import type { Span, Word } from '../text/span.ts';
import type { SiloError } from '../../../../foundation/base/errors.ts';
import type { Flag, HereDocument } from '../instruction.ts';
import type { Slice } from '../words/split.ts';

/** What the parser of one instruction sees. */
export interface Parsing {
  source: Source;
  escape: string;
  line: LogicalLine;
  /** The keyword in capitals. */
  name: string;
  /** Where the text behind keyword and flags starts. */
  restAt: number;
  rest: Word;
  span: Span;
  flags: readonly Flag[];
  hereDocuments: readonly HereDocument[];
}

export const fault = ({ source }: Pick<Parsing, 'source'>, span: Span, what: Fault): SiloError =>
  faultAt(source, span, what);

export const words = ({ line }: Parsing, slices: readonly Slice[]): Word[] =>
  slices.map(({ start, end }) => wordIn(line, start, end));

/** The span of the keyword, for faults of what is missing. */
const keywordSpan = ({ line, name }: Parsing): Span => wordIn(line, 0, name.length).span;

export function missing(parsing: Parsing, what: string, example: string): SiloError {
  return fault(parsing, keywordSpan(parsing), {
    code: 'missing-argument',
    message: `${parsing.name} requires ${what}`,
    hint: `for example: ${example}`,
  });
}
