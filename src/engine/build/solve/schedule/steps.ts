import type { Graph } from '../../graph/graph.ts';
import { titleOf } from '../../graph/lower.ts';
import type { VertexId } from '../../graph/vertex.ts';
import type { StagePlan } from '../../language/stages/plan.ts';
import type { BuildStep } from '../types.ts';

/** A step with what is behind it. */
export interface PlannedStep extends BuildStep {
  stageIndex: number;
  /** Of a FROM: the image that the stage starts from. */
  base?: string;
  /** As its `--platform` says. */
  platform?: string;
  /** Of a FROM: the stage that this one starts from. */
  after?: number;
}

/** The instructions of the needed stages in the order in which they would be done one by one. */
export function stepsOf({ needed, stages }: StagePlan, before = 0): PlannedStep[] {
  const steps = needed.flatMap((index): Omit<PlannedStep, 'number' | 'of'>[] => {
    const planned = stages[index];
    if (!planned) return [];
    const { stage, replacedBy } = planned;
    const origin = replacedBy ?? planned.base;
    const common = { stage: stage.name ?? String(stage.index), stageIndex: stage.index };
    const from = {
      ...common,
      text: titleOf(stage.from),
      place: stage.from.span,
      ...(origin.kind === 'image' ? { base: origin.reference } : {}),
      ...(planned.platform === undefined ? {} : { platform: planned.platform }),
      ...(origin.kind === 'stage' ? { after: origin.index } : {}),
    };
    if (replacedBy !== undefined) return [from];
    return [
      from,
      ...stage.instructions.map((instruction) => ({
        ...common,
        text: titleOf(instruction),
        place: instruction.span,
      })),
    ];
  });
  return steps.map((step, index) => ({ ...step, number: before + index + 1, of: steps.length }));
}

/** The steps that want a vertex, in their order. What a base image's ONBUILD wants belongs to the FROM. */
export function stepsByVertex(
  { places }: Pick<Graph, 'places'>,
  steps: readonly PlannedStep[],
): Map<VertexId, number[]> {
  const byPlace = new Map<string, number>();
  for (const { stageIndex, place, number } of steps) {
    byPlace.set(`${stageIndex}:${place.line}`, number);
    const from = `${stageIndex}:from`;
    if (!byPlace.has(from)) byPlace.set(from, number);
  }
  return new Map(
    [...places].map(([id, wanted]) => {
      const numbers = wanted.flatMap(
        ({ stage, isTrigger, span }) => byPlace.get(`${stage}:${isTrigger ? 'from' : span.line}`) ?? [],
      );
      return [id, [...new Set(numbers)].sort((a, b) => a - b)];
    }),
  );
}

/** The vertices that a step wants, inputs first. */
export function verticesByStep(
  stepsOfVertex: ReadonlyMap<VertexId, readonly number[]>,
): Map<number, VertexId[]> {
  const vertices = new Map<number, VertexId[]>();
  for (const [id, steps] of stepsOfVertex)
    for (const step of steps) {
      const known = vertices.get(step);
      if (known === undefined) vertices.set(step, [id]);
      else known.push(id);
    }
  return vertices;
}
