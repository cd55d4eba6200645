import type { ImageId } from '../../../../foundation/oci/digest.ts';
import type { VertexId } from '../../graph/vertex.ts';
import type { Solved, Solver } from '../solver.ts';
import type { StepTeller } from './step-teller.ts';
import type { PlannedStep } from './steps.ts';

interface Running {
  steps: readonly PlannedStep[];
  /** The vertices that a step wants. */
  verticesOf: (step: number) => readonly VertexId[];
  solver: Solver;
  teller: StepTeller;
  /** Of a base, found before. */
  imageOf: (reference: string, platform: string | undefined) => Promise<ImageId>;
}

/** Solves the last vertex, and with it all that it needs; tells of every step, stage by stage in the order of its steps. */
export async function runSteps(result: VertexId, running: Running): Promise<Solved> {
  const { solver } = running;
  const end = solver.solve(result);
  const told = new Map<number, Promise<void>>();
  for (const step of running.steps) {
    const before = told.get(step.stageIndex) ?? Promise.resolve();
    const after = step.after === undefined ? undefined : told.get(step.after);
    told.set(
      step.stageIndex,
      Promise.all([before, after]).then(() => tell(step, running, end)),
    );
  }
  // A failure is that of `end`, which comes first.
  const all = Promise.allSettled(told.values());
  const solved = await end;
  await all;
  return solved;
}

async function tell(step: PlannedStep, running: Running, end: Promise<Solved>): Promise<void> {
  const { solver, teller } = running;
  const { number } = step;
  const vertices = running.verticesOf(number);
  if (vertices.length === 0 || step.base !== undefined) teller.beginStep(number);
  let isCached = vertices.length > 0 && step.base === undefined;
  for (const vertex of vertices) {
    const outcome = await solver.observe(vertex, end);
    if (!outcome) continue;
    ({ isCached } = outcome);
    if (step.base === undefined) teller.result(number, outcome.image);
  }
  teller.beginStep(number);
  if (step.base !== undefined) teller.result(number, await running.imageOf(step.base, step.platform));
  teller.end(number, isCached && step.base === undefined ? 'cached' : 'done');
}
