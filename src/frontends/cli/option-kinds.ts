import type { OptionKind } from './command.ts';
import { parseCpus } from './parse/cpus.ts';
import { parseDuration } from './parse/duration.ts';
import { parseBytes } from './parse/size.ts';

/** How a kind of option behaves: one value that the last replaces, or a list that grows. */
export interface KindRule {
  /** The value without the option; an empty list for those that grow. */
  zero: boolean | string | number | readonly string[];
  /** Checks and reads one value; throws with the text that Docker's CLI shows. */
  read(text: string): boolean | string | number | string[];
}

const list: KindRule = { zero: [], read: (text) => [text] };
const integer = (minimum: number, maximum: number): KindRule => ({
  zero: 0,
  read(text) {
    const call = minimum < 0 ? 'ParseInt' : 'ParseUint';
    if (!/^[+-]?\d+$/.test(text) || (minimum === 0 && /^[+-]/.test(text)))
      throw new Error(`strconv.${call}: parsing ${JSON.stringify(text)}: invalid syntax`);
    const value = Number(text);
    if (value < minimum || value > maximum)
      throw new Error(`strconv.${call}: parsing ${JSON.stringify(text)}: value out of range`);
    return value;
  },
});

export const optionKinds: Record<OptionKind, KindRule> = {
  bool: { zero: false, read: parseBool },
  string: { zero: '', read: (text) => text },
  int: integer(Number.MIN_SAFE_INTEGER, Number.MAX_SAFE_INTEGER),
  uint: integer(0, Number.MAX_SAFE_INTEGER),
  uint16: integer(0, 65535),
  bytes: { zero: 0, read: parseBytes },
  decimal: { zero: 0, read: parseCpus },
  duration: { zero: 0, read: parseDuration },
  list,
  strings: { zero: [], read: (text) => (text === '' ? [] : text.split(',')) },
  map: list,
  filter: {
    zero: [],
    read(text) {
      if (text === '') return [];
      if (!text.includes('=')) throw new Error('bad format of filter (expected name=value)');
      return [text];
    },
  },
  mount: list,
  network: list,
  ulimit: list,
  'gpu-request': list,
};

function parseBool(text: string): boolean {
  if (['1', 't', 'T', 'TRUE', 'true', 'True'].includes(text)) return true;
  if (['0', 'f', 'F', 'FALSE', 'false', 'False'].includes(text)) return false;
  throw new Error(`strconv.ParseBool: parsing ${JSON.stringify(text)}: invalid syntax`);
}
