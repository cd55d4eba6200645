import type { Flag } from '../instruction.ts';
import { faultAt } from '../text/fault.ts';
import { wordIn } from '../text/logical-line.ts';
import type { LogicalLine } from '../text/logical-line.ts';
import { didYouMean } from '../text/nearest.ts';
import type { Source } from '../text/source.ts';
import { isSpace, unquote, wordEnd } from '../words/split.ts';

type FlagKind = 'value' | 'switch' | 'list';

const transfer = { chown: 'value', chmod: 'value', link: 'switch', exclude: 'list' } as const;

/** Every flag of every instruction; those that are not named take none. */
const instructionFlags: Readonly<Record<string, Readonly<Record<string, FlagKind>>>> = {
  FROM: { platform: 'value' },
  RUN: { mount: 'list', network: 'value', security: 'value', device: 'list' },
  COPY: { ...transfer, from: 'value', parents: 'switch' },
  ADD: { ...transfer, checksum: 'value', 'keep-git-dir': 'switch', unpack: 'switch' },
  HEALTHCHECK: {
    interval: 'value',
    timeout: 'value',
    'start-period': 'value',
    'start-interval': 'value',
    retries: 'value',
  },
};

/** Reads `--name=value` words from `start` on, up to the first word that is none, or behind `--`. */
export function readFlags(
  { source, line, escape }: { source: Source; line: LogicalLine; escape: string },
  name: string,
  start: number,
): { flags: Flag[]; end: number } {
  const flags: Flag[] = [];
  let end = start;
  while (end < line.text.length) {
    while (isSpace(line.text.charCodeAt(end))) end++;
    if (!line.text.startsWith('--', end)) break;
    const start = end;
    end = wordEnd(line.text, escape, start);
    const word = wordIn(line, start, end);
    if (word.text === '--') break;
    const equals = word.text.indexOf('=');
    const flag: Flag = {
      name: word.text.slice(2, equals < 0 ? undefined : equals),
      span: word.span,
      ...(equals < 0
        ? {}
        : {
            value: {
              text: unquote(word.text.slice(equals + 1), escape),
              span: wordIn(line, start + equals + 1, end).span,
            },
          }),
    };
    checkFlag(source, name, flag, flags);
    flags.push(flag);
  }
  return { flags, end };
}

function checkFlag(source: Source, instruction: string, flag: Flag, before: readonly Flag[]): void {
  const table = instructionFlags[instruction] ?? {};
  const kind = Object.hasOwn(table, flag.name) ? table[flag.name] : undefined;
  if (kind === undefined) {
    const known = Object.keys(table).map((name) => `--${name}`);
    throw faultAt(source, flag.span, {
      code: 'unknown-flag',
      message: `unknown flag: --${flag.name}${didYouMean(`--${flag.name}`, known)}`,
      hint:
        known.length === 0
          ? `${instruction} takes no flags; write the words as a JSON array when one starts with --`
          : `${instruction} takes ${known.join(', ')}`,
    });
  }
  if (kind !== 'list' && before.some(({ name }) => name === flag.name))
    throw faultAt(source, flag.span, {
      code: 'duplicate-flag',
      message: `duplicate flag specified: --${flag.name}`,
    });
  if (kind !== 'switch' && (flag.value === undefined || (flag.value.text === '' && kind === 'list')))
    throw faultAt(source, flag.span, {
      code: 'missing-flag-value',
      message: `missing a value on flag: --${flag.name}`,
      hint: `write --${flag.name}=VALUE`,
    });
  if (kind === 'switch' && flag.value !== undefined && !/^(true|false)$/i.test(flag.value.text))
    throw faultAt(source, flag.value.span, {
      code: 'invalid-flag-value',
      message: `expecting boolean value for flag --${flag.name}, not: ${flag.value.text}`,
      hint: `write --${flag.name}, --${flag.name}=true or --${flag.name}=false`,
    });
}

export const flagValue = (flags: readonly Flag[], name: string): Flag['value'] =>
  flags.find((flag) => flag.name === name)?.value;

export const flagSwitch = (flags: readonly Flag[], name: string): boolean | undefined => {
  const flag = flags.find((one) => one.name === name);
  return flag && flag.value?.text.toLowerCase() !== 'false';
};

export const flagList = (flags: readonly Flag[], name: string): NonNullable<Flag['value']>[] =>
  flags.flatMap((flag) => (flag.name === name && flag.value ? [flag.value] : []));
