import type { Run } from '../instruction.ts';
import { didYouMean } from '../text/nearest.ts';
import { fault, missing } from './context.ts';
import type { Parsing } from './context.ts';
import { commandLine } from './command.ts';
import { flagList, flagValue } from './flags.ts';
import { parseMounts } from './mounts.ts';

const choices = {
  network: ['default', 'none', 'host'],
  security: ['sandbox', 'insecure'],
} as const;

/** `RUN [flags] command`, a JSON array, or here-documents. */
export function parseRun(
  parsing: Parsing,
): Pick<Run, 'command' | 'mounts' | 'network' | 'security' | 'devices' | 'hereDocuments'> {
  if (parsing.rest.text === '') throw missing(parsing, 'a command', 'RUN apt-get update');
  const network = choice(parsing, 'network');
  const security = choice(parsing, 'security');
  return {
    command: commandLine(parsing),
    mounts: parseMounts(parsing),
    ...(network === undefined ? {} : { network }),
    ...(security === undefined ? {} : { security }),
    devices: flagList(parsing.flags, 'device'),
    hereDocuments: parsing.hereDocuments,
  };
}

function choice(parsing: Parsing, flag: keyof typeof choices): Run['network'] {
  const value = flagValue(parsing.flags, flag);
  const known: readonly string[] = choices[flag];
  if (value === undefined || known.includes(value.text)) return value;
  throw fault(parsing, value.span, {
    code: 'invalid-flag-value',
    message: `unsupported ${flag} mode ${JSON.stringify(value.text.slice(0, 60))}${didYouMean(value.text, known)}`,
    hint: `known are ${known.join(', ')}`,
  });
}
