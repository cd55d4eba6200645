import { invalid } from '../../../../foundation/base/errors.ts';
import { sourceLimits } from '../text/limits.ts';
import type { Dockerfile, Stage } from '../dockerfile.ts';
import type { Arg } from '../instruction.ts';
import type { Source } from '../text/source.ts';
import { expandWord } from './expand-word.ts';
import type { ExpandedWord, Usage } from './expand-word.ts';
import type { Word } from '../text/span.ts';

export interface BuildArguments {
  /** `--build-arg`. */
  given: ReadonlyMap<string, string>;
  /** `platformArguments`. */
  platform: ReadonlyMap<string, string>;
}

/** Variables at one point of a file. */
export interface Scope {
  lookup(name: string): string | undefined;
  /** Names that have been declared, with or without a value. */
  declared(): Iterable<string>;
  expand(word: Word, options?: { keepQuotes?: boolean }): ExpandedWord;
}

/** Variables inside of a stage: ENV stands over ARG, whatever comes first. */
export interface StageScope extends Scope {
  /** ARG, one after the other, so that a default may use the one before. */
  declare(arg: Arg): Usage[];
  setEnvironment(name: string, value: string): void;
  environment(): ReadonlyMap<string, string>;
  /** Declared arguments that have a value: what RUN sees besides the environment. */
  arguments(): ReadonlyMap<string, string>;
  /** What a stage that starts `FROM` this one begins with. */
  inherit(): StageScope;
}

interface Around {
  source: Source;
  escape: string;
}

const expander =
  ({ source, escape }: Around, lookup: Scope['lookup']): Scope['expand'] =>
  (word, { keepQuotes = false } = {}) =>
    // Inside of here-documents the escape character is `\`, whatever the directive says: as in Docker.
    expandWord(word, { source, escape: keepQuotes ? '\\' : escape, lookup, keepQuotes });

/** What FROM sees: ARGs before the first FROM, and the platform's arguments. */
export function createGlobalScope(
  dockerfile: Dockerfile,
  args: BuildArguments,
): Scope & { missing: Usage[] } {
  const values = new Map<string, string | undefined>();
  const lookup = (name: string): string | undefined => values.get(name) ?? args.platform.get(name);
  const expand = expander({ source: dockerfile.source, escape: dockerfile.directives.escape }, lookup);
  const missing: Usage[] = [];
  for (const { args: list } of dockerfile.globals)
    for (const { key, value } of list) {
      const name = expand(key).text;
      const standard = value === undefined ? undefined : expand(value);
      missing.push(...(standard?.missing ?? []));
      values.set(name, args.given.get(name) ?? standard?.text ?? args.platform.get(name));
    }
  return { lookup, expand, missing, declared: () => [...values.keys(), ...args.platform.keys()] };
}

/** The scope at the start of a stage whose base is an image with this environment (none: `scratch`, or not known). */
export function createStageScope(
  dockerfile: Pick<Dockerfile, 'source' | 'directives'>,
  globals: Scope,
  args: BuildArguments,
  base: ReadonlyMap<string, string> = new Map(),
): StageScope {
  const around = { source: dockerfile.source, escape: dockerfile.directives.escape };
  return openScope(around, { globals, args }, new Map(base), new Map());
}

function openScope(
  around: Around,
  outer: { globals: Scope; args: BuildArguments },
  environment: Map<string, string>,
  declared: Map<string, string | undefined>,
): StageScope {
  const sum = { length: 0 };
  for (const [name, value] of [...environment, ...declared]) sum.length += name.length + (value?.length ?? 0);
  const lookup = (name: string): string | undefined => environment.get(name) ?? declared.get(name);
  const expand = expander(around, lookup);
  return {
    lookup,
    expand,
    declared: () => [...environment.keys(), ...declared.keys()],
    declare(arg) {
      const missing: Usage[] = [];
      for (const { key, value } of arg.args) {
        const name = expand(key).text;
        const standard = value === undefined ? undefined : expand(value);
        missing.push(...(standard?.missing ?? []));
        const { args, globals } = outer;
        const given = args.given.get(name) ?? (standard === undefined ? globals.lookup(name) : standard.text);
        put(declared, name, given ?? args.platform.get(name), sum);
      }
      return missing;
    },
    setEnvironment(name, value) {
      put(environment, name, value, sum);
    },
    environment: () => environment,
    arguments: () =>
      new Map([...declared].flatMap(([name, value]) => (value === undefined ? [] : [[name, value]]))),
    inherit: () => openScope(around, outer, new Map(environment), new Map(declared)),
  };
}

/** Every stage copies the variables of its base, and every RUN has them all: their number and their sum of lengths are bounded. */
function put<Value extends string | undefined>(
  map: Map<string, Value>,
  name: string,
  value: Value,
  sum: { length: number },
): void {
  const before = map.has(name) ? name.length + (map.get(name)?.length ?? 0) : 0;
  sum.length += name.length + (value?.length ?? 0) - before;
  map.set(name, value);
  if (map.size > sourceLimits.variables || sum.length > sourceLimits.variableLength)
    throw invalid(
      `a stage has more than ${sourceLimits.variables} variables, or more than ${sourceLimits.variableLength} characters in them`,
      { code: 'too-many-variables' },
    );
}

/** Names of `--build-arg` that no ARG of the file takes. */
export function unusedArguments(
  dockerfile: Dockerfile,
  given: Iterable<string>,
  known: Iterable<string>,
): string[] {
  const taken = new Set(known);
  const take = (arg: Arg): void => {
    for (const { key } of arg.args) taken.add(key.text);
  };
  dockerfile.globals.forEach(take);
  for (const { instructions } of dockerfile.stages satisfies readonly Stage[])
    for (const instruction of instructions) if (instruction.name === 'ARG') take(instruction);
  return [...given].filter((name) => !taken.has(name));
}
