import type { OptionSpec, OptionTable } from './command.ts';
import { nearest } from '../../foundation/base/nearest.ts';
import { optionKinds } from './option-kinds.ts';

export interface ParsedOptions {
  values: Record<string, unknown>;
  given: Set<string>;
  args: string[];
  help: boolean;
}

/** The command line does not fit the table; the message is complete. */
export class UsageError extends Error {
  override readonly name = 'UsageError';
  /** What may have been meant. */
  hint: string | undefined;
}

const helpSpec: OptionSpec = { kind: 'bool', summary: 'Print usage' };

/**
 * Reads options as Docker's parser (pflag) does: `--name value`, `--name=value`, `-abc`, `-n5`, `-n=5`; a switch takes a value only behind `=`;
 * `--` ends them. With `optionsFirst` the first argument ends them, too.
 */
export function parseOptions(
  words: readonly string[],
  table: OptionTable,
  { optionsFirst = false }: { optionsFirst?: boolean } = {},
): ParsedOptions {
  const parsed: ParsedOptions = { values: defaults(table), given: new Set(), args: [], help: false };
  const byShort = new Map(
    Object.entries(table).flatMap(([name, spec]) => (spec.short ? [[spec.short, name]] : [])),
  );
  let at = 0;
  const next = (): string | undefined => words[at++];

  for (let word = next(); word !== undefined; word = next()) {
    if (word === '--') {
      parsed.args.push(...words.slice(at));
      break;
    }
    if (word.startsWith('--')) readLong(word, table, parsed, next);
    else if (word.startsWith('-') && word.length > 1) readShorts(word, table, byShort, parsed, next);
    else {
      parsed.args.push(word);
      if (!optionsFirst) continue;
      parsed.args.push(...words.slice(at));
      break;
    }
  }
  return parsed;
}

function defaults(table: OptionTable): Record<string, unknown> {
  const values: Record<string, unknown> = {};
  for (const [name, spec] of Object.entries(table)) {
    const { zero } = optionKinds[spec.kind];
    values[name] = Array.isArray(zero) ? [...zero] : (spec.default ?? zero);
  }
  return values;
}

function readLong(
  word: string,
  table: OptionTable,
  parsed: ParsedOptions,
  next: () => string | undefined,
): void {
  const equals = word.indexOf('=');
  const name = word.slice(2, equals < 0 ? undefined : equals);
  if (name === '' || name.startsWith('-')) throw new UsageError(`bad flag syntax: ${word}`);
  const spec = Object.hasOwn(table, name) ? table[name] : name === 'help' ? helpSpec : undefined;
  if (spec === undefined) throw unknownFlag(name, table);
  if (equals >= 0) set(parsed, name, spec, word.slice(equals + 1));
  else if (spec.kind === 'bool') set(parsed, name, spec, 'true');
  else {
    const value = next();
    if (value === undefined) throw new UsageError(`flag needs an argument: --${name}`);
    set(parsed, name, spec, value);
  }
}

function unknownFlag(name: string, table: OptionTable): UsageError {
  const error = new UsageError(`unknown flag: --${name}`);
  const near = nearest(name, Object.keys(table));
  if (near.length > 0) error.hint = `did you mean ${near.map((each) => `--${each}`).join(', ')}?`;
  return error;
}

function readShorts(
  word: string,
  table: OptionTable,
  byShort: ReadonlyMap<string | undefined, string>,
  parsed: ParsedOptions,
  next: () => string | undefined,
): void {
  for (let rest = word.slice(1); rest !== ''; rest = rest.slice(1)) {
    const letter = rest.charAt(0);
    const name = byShort.get(letter);
    const spec = name === undefined ? undefined : table[name];
    if (name === undefined || spec === undefined) {
      if (letter === 'h') {
        parsed.help = true;
        continue;
      }
      throw new UsageError(`unknown shorthand flag: '${letter}' in -${rest}`);
    }
    if (rest.length > 2 && rest.charAt(1) === '=') return set(parsed, name, spec, rest.slice(2));
    if (spec.kind === 'bool') {
      set(parsed, name, spec, 'true');
      continue;
    }
    const value = rest.length > 1 ? rest.slice(1) : next();
    if (value === undefined) throw new UsageError(`flag needs an argument: '${letter}' in -${rest}`);
    return set(parsed, name, spec, value);
  }
}

function set(parsed: ParsedOptions, name: string, spec: OptionSpec, text: string): void {
  const rule = optionKinds[spec.kind];
  try {
    const value = rule.read(text);
    spec.check?.(text);
    if (name === 'help') parsed.help = value === true;
    else if (Array.isArray(value)) (parsed.values[name] as string[]).push(...value);
    else parsed.values[name] = value;
    parsed.given.add(name);
  } catch (error) {
    const shown = spec.short === undefined ? `--${name}` : `-${spec.short}, --${name}`;
    const why = error instanceof Error ? error.message : String(error);
    throw new UsageError(`invalid argument ${JSON.stringify(text)} for "${shown}" flag: ${why}`, {
      cause: error,
    });
  }
}
