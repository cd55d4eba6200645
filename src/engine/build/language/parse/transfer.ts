import type { Add, Copy } from '../instruction.ts';
import { didYouMean } from '../text/nearest.ts';
import { splitPlain } from '../words/split.ts';
import { fault, missing, words } from './context.ts';
import type { Parsing } from './context.ts';
import { flagList, flagSwitch, flagValue } from './flags.ts';
import { jsonWords } from './json-words.ts';

type Transfer = Pick<
  Copy,
  'sources' | 'destination' | 'hereDocuments' | 'chown' | 'chmod' | 'link' | 'exclude'
>;

function parseTransfer(parsing: Parsing): Transfer {
  const { flags, line, restAt, hereDocuments } = parsing;
  const list = jsonWords(parsing) ?? words(parsing, splitPlain(line.text, restAt));
  const destination = list.at(-1);
  if (list.length < 2 || destination === undefined) {
    if (destination === undefined)
      throw missing(parsing, 'at least two arguments', `${parsing.name} app/ /srv/app/`);
    throw fault(parsing, destination.span, {
      code: 'missing-destination',
      message: `${parsing.name} requires at least two arguments, but only one was provided. Destination could not be determined.`,
      hint: `name the place in the image: ${parsing.name} ${destination.text.slice(0, 60)} ./`,
    });
  }
  const opened = new Set(hereDocuments.map(({ opening }) => `${opening.span.line}:${opening.span.column}`));
  const isOpening = ({ line: row, column }: { line: number; column: number }): boolean =>
    opened.has(`${row}:${column}`);
  if (isOpening(destination.span))
    throw fault(parsing, destination.span, {
      code: 'invalid-destination',
      message: `${parsing.name} cannot accept a heredoc as a destination`,
    });
  const chown = flagValue(flags, 'chown');
  const chmod = flagValue(flags, 'chmod');
  return {
    sources: list.slice(0, -1).filter(({ span }) => !isOpening(span)),
    destination,
    hereDocuments,
    ...(chown === undefined ? {} : { chown }),
    ...(chmod === undefined ? {} : { chmod }),
    link: flagSwitch(flags, 'link') ?? false,
    exclude: flagList(flags, 'exclude'),
  };
}

export function parseCopy(parsing: Parsing): Transfer & Pick<Copy, 'from' | 'parents'> {
  const from = flagValue(parsing.flags, 'from');
  if (from?.text.includes('$') === true)
    throw fault(parsing, from.span, {
      code: 'unexpandable-from',
      message: `variables are not expanded in --from: ${from.text}`,
      hint: 'define a stage with FROM $VARIABLE AS name, and copy from that',
    });
  return {
    ...parseTransfer(parsing),
    ...(from === undefined || from.text === '' ? {} : { from }),
    parents: flagSwitch(parsing.flags, 'parents') ?? false,
  };
}

const algorithms = ['sha256', 'sha384', 'sha512'];

export function parseAdd(parsing: Parsing): Transfer & Pick<Add, 'checksum' | 'keepGitDir' | 'unpack'> {
  const checksum = flagValue(parsing.flags, 'checksum');
  if (checksum !== undefined && !checksum.text.includes('$')) checkChecksum(parsing, checksum);
  const unpack = flagSwitch(parsing.flags, 'unpack');
  return {
    ...parseTransfer(parsing),
    ...(checksum === undefined ? {} : { checksum }),
    keepGitDir: flagSwitch(parsing.flags, 'keep-git-dir') ?? false,
    ...(unpack === undefined ? {} : { unpack }),
  };
}

/** A digest of a file, or the hash of a Git commit. */
function checkChecksum(parsing: Parsing, { text, span }: NonNullable<Add['checksum']>): void {
  if (/^[0-9a-f]{7,64}$/i.test(text)) return;
  const [algorithm = '', hex = ''] = text.split(/:(.*)/s);
  const length = { sha256: 64, sha384: 96, sha512: 128 }[algorithm];
  if (length !== undefined && hex.length === length && /^[0-9a-f]*$/.test(hex)) return;
  throw fault(parsing, span, {
    code: 'invalid-checksum',
    message: `invalid checksum ${JSON.stringify(text.slice(0, 160))}${length === undefined ? didYouMean(algorithm, algorithms) : ''}`,
    hint: 'write --checksum=sha256:… with 64 hexadecimal digits, or the hash of a Git commit',
  });
}
