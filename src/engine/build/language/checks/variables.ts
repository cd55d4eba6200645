import type { Dockerfile, Stage } from '../dockerfile.ts';
import { contentWord, expandedHereDocuments, expandedWords } from '../stages/expanded-words.ts';
import type { Usage } from '../stages/expand-word.ts';
import { proxyArguments } from '../stages/predefined.ts';
import { createGlobalScope, createStageScope } from '../stages/scope.ts';
import type { BuildArguments, GlobalScope, StageScope } from '../stages/scope.ts';
import { nearest } from '../text/nearest.ts';
import type { UndeclaredUse, VariableUses } from './finding.ts';

/** Set by shells and by the engine in every container. */
const always = ['PATH', 'HOME', 'HOSTNAME', 'TERM', ...proxyArguments];

/** Environments of base images that are at hand: without one, a variable may come from an image that was not looked at. */
export type KnownEnvironment = (image: string) => ReadonlyMap<string, string> | undefined;

interface Walked {
  scope: StageScope;
  /** No image that was not looked at is below. */
  certain: boolean;
}

/** More are not noted: a file with so many has another problem, and each is compared with every known name. */
const mostUses = 500;

/** Walks over all stages once and notes every variable that has no declaration. */
export function findVariableUses(
  dockerfile: Dockerfile,
  args: BuildArguments,
  environmentOf: KnownEnvironment = () => undefined,
): VariableUses {
  const globals = createGlobalScope(dockerfile, args);
  const declared = new Set(globals.declared());
  const inFrom: UndeclaredUse[] = [];
  const inStages: VariableUses['inStages'][number][] = [];
  const finished = new Map<string, Walked>();
  for (const stage of dockerfile.stages) {
    for (const word of expandedWords(stage.from))
      for (const use of globals.expand(word).used) {
        if (declared.has(use.name) || !isName(use.name) || inFrom.length >= mostUses) continue;
        inFrom.push(undeclared(use, declared));
      }
    const walked = openStage(stage, { dockerfile, args, globals, finished, environmentOf });
    walkStage(stage, walked, inStages);
    if (stage.name !== undefined) finished.set(stage.name, walked);
  }
  return { inFrom, inStages };
}

function undeclared(use: Usage, known: Iterable<string>): UndeclaredUse {
  const near = nearest(use.name, known);
  return { ...use, ...(near === undefined ? {} : { near }) };
}

interface Around {
  dockerfile: Dockerfile;
  args: BuildArguments;
  globals: GlobalScope;
  finished: ReadonlyMap<string, Walked>;
  environmentOf: KnownEnvironment;
}

function openStage(stage: Stage, { dockerfile, args, globals, finished, environmentOf }: Around): Walked {
  const image = globals.expand(stage.from.image).text;
  const base = finished.get(image.toLowerCase());
  if (base) return { scope: base.scope.inherit(), certain: base.certain };
  const environment = image === 'scratch' ? new Map<string, string>() : environmentOf(image);
  return {
    scope: createStageScope(dockerfile, globals, args, environment),
    certain: environment !== undefined,
  };
}

function walkStage(
  stage: Stage,
  { scope, certain }: Walked,
  found: VariableUses['inStages'][number][],
): void {
  const note = (missing: readonly Usage[]): void => {
    for (const use of missing) {
      if (!isName(use.name) || always.includes(use.name) || found.length >= mostUses) continue;
      const known = new Set([...scope.declared(), ...always]);
      if (!known.has(use.name)) found.push({ ...undeclared(use, known), certain });
    }
  };
  for (const instruction of stage.instructions) {
    if (instruction.name === 'ARG') {
      note(scope.declare(instruction));
      continue;
    }
    for (const word of expandedWords(instruction)) note(scope.expand(word).missing);
    for (const document of expandedHereDocuments(instruction))
      note(scope.expand(contentWord(document), { keepQuotes: true }).missing);
    if (instruction.name !== 'ENV') continue;
    const values = instruction.pairs.map(
      ({ key, value }) => [scope.expand(key).text, scope.expand(value).text] as const,
    );
    for (const [key, value] of values) scope.setEnvironment(key, value);
  }
}

/** `$1`, `$?` and the like are nobody's variables. */
const isName = (name: string): boolean => /^[A-Za-z_]/.test(name);

/** Whether text holds a variable at all. */
export const hasReference = (text: string): boolean => /\$(?:\{|[A-Za-z_])/.test(text);
