import type { Platform } from '../../../foundation/oci/descriptor.ts';
import type { ImageId } from '../../../foundation/oci/digest.ts';
import type { ImageHold } from '../../image/image-holds.ts';
import type { Lowered } from '../graph/lower.ts';
import { inputsOf, type VertexId } from '../graph/vertex.ts';
import type { StagePlan } from '../language/stages/plan.ts';
import type { CacheView } from '../cache-transfer/view.ts';
import { sourceDateMs } from '../output/facts.ts';
import type { Origins } from '../sources/origins.ts';
import type { FindBase } from './bases.ts';
import type { BuildCache } from './cache.ts';
import { runSteps } from './schedule/run-steps.ts';
import type { SharedSteps } from './schedule/shared-steps.ts';
import type { Slots } from './schedule/slots.ts';
import { createSolver, type Solved } from './solver.ts';
import { createStepTeller } from './schedule/step-teller.ts';
import { type PlannedStep, stepsByVertex, verticesByStep } from './schedule/steps.ts';
import type { StepDeps, BuildRequest } from './types.ts';

export interface Opened {
  request: BuildRequest;
  origins: Origins;
  cache: BuildCache;
  /** Over all builds. */
  shared: SharedSteps;
  slots: Slots;
  /** What stays until the build ends. */
  hold: ImageHold;
}

export interface PlannedTarget {
  target: Platform;
  name: string;
  platform: ReadonlyMap<string, string>;
  plan: StagePlan;
  steps: readonly PlannedStep[];
}

export interface SolvingTarget extends PlannedTarget {
  graph: Lowered;
}

interface Solving extends Omit<Opened, 'cache'> {
  cache: CacheView;
  imageOf: FindBase;
}

/** All platforms side by side. The first failure, or the client that leaves, ends all steps; nothing runs any more when this settles. */
export async function solveAll<Target extends SolvingTarget>(
  deps: StepDeps,
  solving: Solving,
  targets: readonly Target[],
): Promise<(Target & { image: ImageId })[]> {
  const { request } = solving;
  const failed = new AbortController();
  const signal = request.signal ? AbortSignal.any([request.signal, failed.signal]) : failed.signal;
  let failure: { error: unknown } | undefined;
  const onFailure = (error: unknown): void => {
    failure ??= { error };
    failed.abort(error);
  };
  const ends = await Promise.allSettled(
    targets.map(async (target) => {
      const { image } = await solveGraph(deps, { ...solving, ...target, signal, onFailure });
      return { ...target, image };
    }),
  );
  return ends.map((end) => {
    if (end.status === 'fulfilled') return end.value;
    throw failure ? failure.error : end.reason;
  });
}

interface SolvingOne extends Solving, SolvingTarget {
  signal: AbortSignal;
  onFailure: (error: unknown) => void;
}

async function solveGraph(deps: StepDeps, solving: SolvingOne): Promise<Solved> {
  const { request, graph, steps, imageOf, name } = solving;
  const stepsOfVertex = stepsByVertex(graph, steps);
  const teller = createStepTeller({
    ...solving,
    stepsOf: (id) => stepsOfVertex.get(id) ?? [],
    now: deps.now,
  });
  await using solver = createSolver(deps, {
    ...solving,
    teller,
    epochMs: sourceDateMs(request),
    mayUseCache: cacheUse(request, graph, steps),
  });
  const verticesOf = verticesByStep(stepsOfVertex);
  return await runSteps(graph.result, {
    steps,
    verticesOf: (step) => verticesOf.get(step) ?? [],
    solver,
    teller,
    imageOf: (reference, platform) => imageOf(reference, platform ?? name),
  });
}

/** `--no-cache` is for all steps, `--no-cache-filter` for those of some stages. */
function cacheUse(
  { noCache, noCacheFilter = [] }: BuildRequest,
  graph: Lowered,
  steps: readonly PlannedStep[],
): (id: VertexId) => boolean {
  if (noCache) return () => false;
  const stages = new Set(
    steps
      .filter(({ stage, stageIndex }) => noCacheFilter.some((name) => isStage(name, { stage, stageIndex })))
      .map(({ stageIndex }) => stageIndex),
  );
  const known = new Map<VertexId, boolean>();
  // Inputs come first in the graph, and what is built on something new is new.
  for (const [id, vertex] of graph.vertices)
    known.set(
      id,
      (vertex.kind === 'image' || !graph.places.get(id)?.some(({ stage }) => stages.has(stage))) &&
        inputsOf(vertex).every((input) => known.get(input) !== false),
    );
  return (id) => known.get(id) !== false;
}

const isStage = (name: string, { stage, stageIndex }: Pick<PlannedStep, 'stage' | 'stageIndex'>): boolean =>
  name.toLowerCase() === stage || name === String(stageIndex);
