import { invalid } from '../../../../foundation/base/errors.ts';
import { faultAt } from '../text/fault.ts';
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

/** What FROM sees; stages are opened upon it and share its budget. */
export interface GlobalScope extends Scope {
  missing: readonly Usage[];
  budget: ExpansionBudget;
}

/** Variables inside of a stage. Of an ARG and an ENV of one name the later counts, as in Docker; only ENV stays in the image. */
export interface StageScope extends Scope {
  /** ARG, one after the other, so that a default may use the one before. */
  declare(arg: Arg): Usage[];
  setEnvironment(name: string, value: string): void;
  environment(): ReadonlyMap<string, string>;
  /** What RUN sees, `NAME=value`: declared arguments that have a value, and the environment. The same list until something changes. */
  variables(): readonly string[];
  /** What a stage that starts `FROM` this one begins with. */
  inherit(): StageScope;
}

interface Around {
  source: Source;
  escape: string;
  budget: ExpansionBudget;
}

/** Characters that expansions with variables may still make, for a whole file. */
export interface ExpansionBudget {
  left: number;
}

const expander =
  ({ source, escape, budget }: Around, lookup: Scope['lookup']): Scope['expand'] =>
  (word, { keepQuotes = false } = {}) => {
    // Inside of here-documents the escape character is `\`, whatever the directive says: as in Docker.
    const expanded = expandWord(word, { source, escape: keepQuotes ? '\\' : escape, lookup, keepQuotes });
    if (expanded.used.length > 0) budget.left -= expanded.text.length;
    if (budget.left >= 0) return expanded;
    throw faultAt(source, word.span, {
      code: 'expansions-too-large',
      message: `the values of variables make more than ${sourceLimits.expanded} characters of this file`,
    });
  };

/** What FROM sees: ARGs before the first FROM, and the platform's arguments. */
export function createGlobalScope(dockerfile: Dockerfile, args: BuildArguments): GlobalScope {
  const budget = { left: sourceLimits.expanded };
  const values = new Map<string, string | undefined>();
  const lookup = (name: string): string | undefined => values.get(name) ?? args.platform.get(name);
  const expand = expander(
    { source: dockerfile.source, escape: dockerfile.directives.escape, budget },
    lookup,
  );
  const missing: Usage[] = [];
  for (const { args: list } of dockerfile.globals)
    for (const { key, value } of list) {
      const name = expand(key).text;
      const standard = value === undefined ? undefined : expand(value);
      missing.push(...(standard?.missing ?? []));
      values.set(name, args.given.get(name) ?? standard?.text ?? args.platform.get(name));
    }
  return { lookup, expand, missing, budget, declared: () => [...values.keys(), ...args.platform.keys()] };
}

/** The scope at the start of a stage whose base is an image with this environment (none: `scratch`, or not known). */
export function createStageScope(
  dockerfile: Pick<Dockerfile, 'source' | 'directives'>,
  globals: GlobalScope,
  args: BuildArguments,
  base: ReadonlyMap<string, string> = new Map(),
): StageScope {
  const around = { source: dockerfile.source, escape: dockerfile.directives.escape, budget: globals.budget };
  return openScope(around, { globals, args }, new Map(base), new Map());
}

function openScope(
  around: Around,
  outer: { globals: Scope; args: BuildArguments },
  environment: Map<string, string>,
  declared: Map<string, string | undefined>,
  values: Map<string, string> = new Map(environment),
): StageScope {
  const sum = { length: 0 };
  for (const [name, value] of [...environment, ...declared]) sum.length += name.length + (value?.length ?? 0);
  const lookup = (name: string): string | undefined => values.get(name);
  const expand = expander(around, lookup);
  const format = createFormatter();
  let variables: readonly string[] | undefined;
  return {
    lookup,
    expand,
    declared: () => [...environment.keys(), ...declared.keys()],
    declare(arg) {
      const missing: Usage[] = [];
      variables = undefined;
      for (const { key, value } of arg.args) {
        const name = expand(key).text;
        const standard = value === undefined ? undefined : expand(value);
        missing.push(...(standard?.missing ?? []));
        const { args, globals } = outer;
        const given = args.given.get(name) ?? (standard === undefined ? globals.lookup(name) : standard.text);
        const chosen = given ?? args.platform.get(name);
        put(declared, name, chosen, sum);
        if (chosen !== undefined) values.set(name, chosen);
      }
      return missing;
    },
    setEnvironment(name, value) {
      put(environment, name, value, sum);
      values.set(name, value);
      variables = undefined;
    },
    environment: () => environment,
    variables: () => (variables ??= format(values)),
    inherit: () => openScope(around, outer, new Map(environment), new Map(declared), new Map(values)),
  };
}

/** Thousands of RUNs with a variable between each share the text of those that did not change. */
function createFormatter(): (values: ReadonlyMap<string, string>) => string[] {
  const known = new Map<string, { value: string; text: string }>();
  return (values) =>
    Array.from(values, ([name, value]) => {
      const before = known.get(name);
      if (before?.value === value) return before.text;
      const text = `${name}=${value}`;
      known.set(name, { value, text });
      return text;
    });
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
