import { expect, test } from 'bun:test';
import { type ImageId, sha256 } from '../../../foundation/oci/digest.ts';
import { createImageHolds } from '../../image/image-holds.ts';
import { createGraph } from '../graph/graph.ts';
import { createSharedSteps } from './schedule/shared-steps.ts';
import { createSlots } from './schedule/slots.ts';
import { createSolver, type SolverOptions } from './solver.ts';
import type { StepDeps } from './types.ts';

const unused = (): never => {
  throw new TypeError('nobody asks for this');
};

test('a build whose step another one waits for keeps its files until the step is done', async () => {
  const graph = createGraph();
  const root = graph.add({ kind: 'scratch', platform: 'linux/amd64' });
  const result = graph.add({ kind: 'meta', root, config: {}, history: [] });
  const begun = Promise.withResolvers<void>();
  const done = Promise.withResolvers<{ id: ImageId }>();
  const results: ImageId[] = [];
  const images = {
    resolve: () => ({ config: {} }),
    compose: ({ base }: { base?: ImageId }) => {
      if (base === undefined) return Promise.resolve({ id: sha256('root') });
      begun.resolve();
      return done.promise;
    },
  };
  const deps = { images, now: () => 0 } as unknown as StepDeps;
  const shared = createSharedSteps();
  const slots = createSlots(4);
  const solverOf = (signal: AbortSignal) =>
    createSolver(deps, {
      graph: { ...graph, result, meta: result },
      origins: {} as SolverOptions['origins'],
      cache: {
        find: () => undefined,
        keep: () => undefined,
        findContent: () => undefined,
        keepContent: () => undefined,
        isStep: () => true,
        keepResult: (image) => void results.push(image),
        forgetAllBut: unused,
        nameOf: (key) => key,
        bring: () => Promise.resolve(undefined),
        records: unused,
      },
      shared,
      slots,
      hold: createImageHolds().open(),
      request: {} as SolverOptions['request'],
      signal,
      imageOf: unused,
      teller: {
        begin: () => undefined,
        beginStep: () => undefined,
        result: () => undefined,
        end: () => undefined,
        guard: (_id, work) => work(),
        reportOf: () => ({ running: () => undefined, output: () => true, drained: () => Promise.resolve() }),
        orderOf: () => 0,
      },
      epochMs: undefined,
      mayUseCache: () => true,
    });
  const leaving = new AbortController();
  const first = solverOf(leaving.signal);
  const gone = first.solve(result).catch((error: unknown) => error);
  await begun.promise;
  await using second = solverOf(new AbortController().signal);
  const stays = second.solve(result);
  // It has joined when nothing but the step is left to wait for.
  await new Promise(setImmediate);
  leaving.abort();
  expect(await gone).toMatchObject({ kind: 'canceled' });
  let hasEnded = false;
  const ended = first[Symbol.asyncDispose]().then(() => (hasEnded = true));
  await new Promise(setImmediate);
  expect(hasEnded).toBe(false);
  done.resolve({ id: sha256('made') });
  expect(await stays).toEqual({ image: sha256('made'), isCached: false });
  await ended;
  expect(results).toEqual([sha256('made')]);
});
