import { parseDurationNs } from '../../../image/compose/duration.ts';
import type { Healthcheck } from '../instruction.ts';
import { wordIn } from '../text/logical-line.ts';
import type { Word } from '../text/span.ts';
import { splitPlain } from '../words/split.ts';
import { commandLine } from './command.ts';
import { fault, missing } from './context.ts';
import type { Parsing } from './context.ts';
import { flagValue } from './flags.ts';

type Fields = Pick<
  Healthcheck,
  'command' | 'interval' | 'timeout' | 'startPeriod' | 'startInterval' | 'retries'
>;

const durations = [
  ['interval', 'interval'],
  ['timeout', 'timeout'],
  ['start-period', 'startPeriod'],
  ['start-interval', 'startInterval'],
] as const;

/** `HEALTHCHECK NONE`, or flags, `CMD` and a command line. */
export function parseHealthcheck(parsing: Parsing): Fields {
  const { line, restAt, flags } = parsing;
  const [first, second] = splitPlain(line.text, restAt);
  if (first === undefined)
    throw missing(parsing, 'at least one argument', 'HEALTHCHECK CMD curl -f localhost');
  const kind = wordIn(line, first.start, first.end);
  const fields: Fields = {};
  switch (kind.text.toUpperCase()) {
    case 'NONE':
      if (second !== undefined || flags.length > 0)
        throw fault(
          parsing,
          second === undefined
            ? (flags[0]?.span ?? kind.span)
            : wordIn(line, second.start, line.text.length).span,
          {
            code: 'invalid-healthcheck',
            message: 'HEALTHCHECK NONE takes no arguments',
          },
        );
      return fields;
    case 'CMD':
      break;
    default:
      throw fault(parsing, kind.span, {
        code: 'invalid-healthcheck',
        message: `Unknown type ${JSON.stringify(kind.text.slice(0, 60))} in HEALTHCHECK (try CMD)`,
        hint: `write HEALTHCHECK CMD ${line.text.slice(first.start, first.start + 60)}`,
      });
  }
  if (second === undefined)
    throw fault(parsing, kind.span, {
      code: 'invalid-healthcheck',
      message: 'Missing command after HEALTHCHECK CMD',
      hint: 'for example: HEALTHCHECK CMD curl -f localhost',
    });
  fields.command = commandLine(parsing, second.start);
  for (const [flag, field] of durations) {
    const value = flagValue(flags, flag);
    if (value !== undefined) fields[field] = checkDuration(parsing, flag, value);
  }
  const retries = flagValue(flags, 'retries');
  if (retries !== undefined) fields.retries = checkRetries(parsing, retries);
  return fields;
}

function checkDuration(parsing: Parsing, flag: string, value: Word): Word {
  const nanoseconds = value.text === '' ? 0 : durationOf(value.text);
  if (nanoseconds === undefined || nanoseconds < 0 || (nanoseconds > 0 && nanoseconds < 1_000_000))
    throw fault(parsing, value.span, {
      code: 'invalid-duration',
      message:
        nanoseconds === undefined
          ? `invalid duration ${JSON.stringify(value.text.slice(0, 60))} for --${flag}`
          : `--${flag} ${JSON.stringify(value.text.slice(0, 60))} cannot be less than 1ms`,
      hint: 'write 30s, 1m30s or 500ms',
    });
  return value;
}

function durationOf(text: string): number | undefined {
  try {
    return parseDurationNs(text);
  } catch {
    return undefined;
  }
}

function checkRetries(parsing: Parsing, value: Word): Word {
  if (!/^(\d{1,9})?$/.test(value.text))
    throw fault(parsing, value.span, {
      code: 'invalid-retries',
      message: `--retries must be a number of at least 0 (not ${value.text.slice(0, 40)})`,
    });
  return value;
}
