import { invalid } from '../../../../foundation/base/errors.ts';
import type { SiloError } from '../../../../foundation/base/errors.ts';
import { parsePlatform } from '../../../../foundation/oci/platform.ts';
import { formatReference, parseReference, withDefaultTag } from '../../../../foundation/oci/reference.ts';
import type { Dockerfile, Stage } from '../dockerfile.ts';
import { faultAt } from '../text/fault.ts';
import { didYouMean } from '../text/nearest.ts';
import type { Word } from '../text/span.ts';
import { findCycle, neededStages } from './order.ts';
import { createGlobalScope } from './scope.ts';
import type { BuildArguments, GlobalScope, Scope } from './scope.ts';

/** Where files come from: another stage, a named context of the command line, an image, or nothing at all. */
export type Origin =
  | { kind: 'stage'; index: number }
  | { kind: 'context'; name: string }
  | { kind: 'image'; reference: string }
  | { kind: 'scratch' };

export interface PlannedStage {
  stage: Stage;
  base: Origin;
  /** As `--platform` says; absent: the target's. */
  platform?: string;
  /** What COPY --from and RUN --mount=from= name, by `originKey`. */
  origins: ReadonlyMap<string, Origin>;
  /** A named context of the stage's own name stands for the whole stage. */
  replacedBy?: Origin;
}

export interface StagePlan {
  globals: GlobalScope;
  stages: readonly PlannedStage[];
  /** Index of the stage that is built. */
  target: number;
  /** Stages that the target needs, bases before those who use them. */
  needed: readonly number[];
}

export interface PlanOptions extends BuildArguments {
  /** Name or index; absent: the last stage. */
  target?: string;
  /** What the names of `--build-context` stand for. */
  contexts?: ReadonlyMap<string, NamedContext>;
}

export type NamedContext = Exclude<Origin, { kind: 'stage' }> | { kind: 'target'; stage: string };

/** Says what every stage is built on and takes from. Kind `invalid` for circles, wrong names, and targets that do not exist. */
export function planStages(dockerfile: Dockerfile, options: PlanOptions): StagePlan {
  const globals = createGlobalScope(dockerfile, options);
  const contexts = new Map(
    [...(options.contexts ?? [])].map(([name, means]) => [contextKey(name), meantBy(dockerfile, means)]),
  );
  const byName = new Map<string, number>();
  const stages: PlannedStage[] = [];
  for (const stage of dockerfile.stages) {
    stages.push(planBase(dockerfile, stage, { globals, contexts, byName }));
    if (stage.name !== undefined) byName.set(stage.name, stage.index);
  }
  const planned = stages.map((one) => ({
    ...one,
    origins: findOrigins(dockerfile, one.stage, { contexts, byName }),
  }));
  refuseCircles(dockerfile, planned);
  const target = findTarget(dockerfile, byName, options.target);
  return { globals, stages: planned, target, needed: neededStages(planned.map(dependencies), target) };
}

function meantBy(dockerfile: Dockerfile, means: NamedContext): Origin {
  if (means.kind !== 'target') return means;
  const names = new Map(dockerfile.stages.flatMap(({ name, index }) => (name ? [[name, index]] : [])));
  return { kind: 'stage', index: findTarget(dockerfile, names, means.stage || ' ') };
}

interface Names {
  contexts: ReadonlyMap<string, Origin>;
  byName: ReadonlyMap<string, number>;
}

function planBase(
  dockerfile: Dockerfile,
  stage: Stage,
  { globals, contexts, byName }: Names & { globals: Scope },
): PlannedStage {
  const { image, platform } = stage.from;
  const name = globals.expand(image).text;
  if (name === '')
    throw faultAt(dockerfile.source, image.span, {
      code: 'blank-base',
      message: `base name (${image.text.slice(0, 120)}) should not be blank`,
      hint: 'declare the argument with ARG before the first FROM and give it a default, or pass --build-arg',
    });
  const chosen = platform === undefined ? '' : globals.expand(platform).text;
  if (platform !== undefined && chosen !== '') checkPlatform(dockerfile, platform, chosen);
  const replacedBy = stage.name === undefined ? undefined : contexts.get(contextKey(stage.name));
  return {
    stage,
    base: originOf(dockerfile, image, name, { contexts, byName }),
    origins: new Map(),
    ...(chosen === '' ? {} : { platform: chosen }),
    ...(replacedBy === undefined ? {} : { replacedBy }),
  };
}

function originOf(dockerfile: Dockerfile, word: Word, name: string, { contexts, byName }: Names): Origin {
  const index = byName.get(name.toLowerCase());
  if (index !== undefined) return { kind: 'stage', index };
  const context = contexts.get(contextKey(name));
  if (context !== undefined) return context;
  if (name === 'scratch') return { kind: 'scratch' };
  try {
    parseReference(name);
  } catch (error) {
    throw faultAt(dockerfile.source, word.span, {
      code: 'invalid-reference',
      message: `failed to parse stage name ${JSON.stringify(name.slice(0, 120))}: invalid reference format${didYouMean(name, byName.keys())}`,
      hint:
        error instanceof Error && /lowercase/.test(error.message)
          ? 'names of images are in lower case'
          : 'write the name of an image or of a stage before this one',
    });
  }
  return { kind: 'image', reference: name };
}

function checkPlatform(dockerfile: Dockerfile, word: Word, text: string): void {
  try {
    parsePlatform(text);
  } catch {
    throw faultAt(dockerfile.source, word.span, {
      code: 'invalid-platform',
      message: `failed to parse platform ${text.slice(0, 120)}`,
      hint: 'write OS/ARCHITECTURE, as linux/arm64',
    });
  }
}

/** Origins of COPY --from and of mounts: stages of the whole file, by name or number. */
function findOrigins(dockerfile: Dockerfile, stage: Stage, names: Names): Map<string, Origin> {
  const origins = new Map<string, Origin>();
  for (const { word, numbered } of fromWords(stage)) {
    const key = originKey(word.text, numbered);
    if (origins.has(key)) continue;
    if (key.startsWith('#')) {
      const index = Number(word.text);
      if (index >= dockerfile.stages.length)
        throw faultAt(dockerfile.source, word.span, {
          code: 'unknown-stage',
          message: `invalid stage index ${word.text.slice(0, 20)}: the file has ${dockerfile.stages.length}, counted from 0`,
        });
      origins.set(key, { kind: 'stage', index });
    } else origins.set(key, originOf(dockerfile, word, word.text, names));
  }
  return origins;
}

interface NamedOrigin {
  word: Word;
  /** A number is a stage's index, not the name of an image. */
  numbered: boolean;
}

/** Under which key `origins` has what `--from` of COPY (numbered) or of a mount names. */
export const originKey = (text: string, numbered: boolean): string =>
  numbered && /^\d+$/.test(text) ? `#${text}` : text;

/** The words of a stage that name where files come from; COPY knows stages by their number, too. */
function fromWords(stage: Stage): NamedOrigin[] {
  return stage.instructions.flatMap((instruction): NamedOrigin[] => {
    if (instruction.name === 'COPY')
      return instruction.from === undefined ? [] : [{ word: instruction.from, numbered: true }];
    if (instruction.name !== 'RUN') return [];
    return instruction.mounts.flatMap(({ fields, span }) =>
      fields.flatMap(({ key, value }) =>
        key === 'from' && value ? [{ word: { text: value, span }, numbered: false }] : [],
      ),
    );
  });
}

/** Indexes of stages that this one needs. */
const dependencies = ({ base, origins, replacedBy }: PlannedStage): number[] =>
  (replacedBy === undefined ? [base, ...origins.values()] : [replacedBy]).flatMap((origin) =>
    origin.kind === 'stage' ? [origin.index] : [],
  );

function refuseCircles(dockerfile: Dockerfile, stages: readonly PlannedStage[]): void {
  const circle = findCycle(stages.map(dependencies));
  const first = stages[circle?.[0] ?? -1];
  if (circle === undefined || first === undefined) return;
  const nameOf = (index: number): string => stages[index]?.stage.name ?? `stage ${index}`;
  const path = [...circle, circle[0] ?? 0].map(nameOf).join(' -> ');
  const next = circle[1] ?? circle[0] ?? 0;
  const word =
    fromWords(first.stage).find(({ word: { text }, numbered }) => {
      const origin = first.origins.get(originKey(text, numbered));
      return origin?.kind === 'stage' && origin.index === next;
    })?.word ?? first.stage.from.image;
  throw faultAt(dockerfile.source, word.span, {
    code: 'circular-stages',
    message: `circular dependency detected on stage: ${nameOf(circle[0] ?? 0)} (${path.slice(0, 400)})`,
    hint: 'move what both need into a stage of its own',
  });
}

function findTarget(
  dockerfile: Dockerfile,
  byName: ReadonlyMap<string, number>,
  target: string | undefined,
): number {
  if (target === undefined || target === '') return dockerfile.stages.length - 1;
  const found = byName.get(target.toLowerCase()) ?? (/^\d{1,9}$/.test(target) ? Number(target) : undefined);
  if (found !== undefined && found < dockerfile.stages.length) return found;
  throw unknownTarget(dockerfile, [...byName.keys()], target);
}

function unknownTarget({ source }: Dockerfile, names: readonly string[], target: string): SiloError {
  return invalid(
    `target stage ${JSON.stringify(target.slice(0, 120))} could not be found in ${source.name}${didYouMean(target, names)}`,
    {
      code: 'unknown-target',
      hint:
        names.length === 0
          ? 'no stage of the file has a name'
          : `stages are ${names.slice(0, 20).join(', ')}`,
    },
  );
}

/** Named contexts match whatever way an image's name is written. */
function contextKey(name: string): string {
  try {
    return formatReference(withDefaultTag(parseReference(name.toLowerCase())));
  } catch {
    return name.toLowerCase();
  }
}
