import { mkdtemp, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { invalid, isKind } from '../../../foundation/base/errors.ts';
import type { Platform } from '../../../foundation/oci/descriptor.ts';
import type { ImageId } from '../../../foundation/oci/digest.ts';
import type { ImageHold } from '../../image/image-holds.ts';
import { formatPlatform, hostPlatform } from '../../../foundation/oci/platform.ts';
import type { Graph } from '../graph/graph.ts';
import { baseImages, lower } from '../graph/lower.ts';
import type { Lowered } from '../graph/lower.ts';
import { inputsOf, type Vertex, type VertexId } from '../graph/vertex.ts';
import type { Dockerfile } from '../language/dockerfile.ts';
import { parseDockerfile } from '../language/parse/parse-dockerfile.ts';
import { planStages } from '../language/stages/plan.ts';
import type { StagePlan } from '../language/stages/plan.ts';
import { platformArguments } from '../language/stages/predefined.ts';
import { sourceLimits } from '../language/text/limits.ts';
import { readSource } from '../language/text/read-source.ts';
import { openImports } from '../cache-transfer/import-cache.ts';
import { type CacheView, viewCache } from '../cache-transfer/view.ts';
import { checkOutputs } from '../output/check-outputs.ts';
import { gatherFacts, sourceDateMs } from '../output/facts.ts';
import type { BuildResult } from '../output/output.ts';
import { finish, type SolvedPlatform } from '../output/finish.ts';
import { readIgnoreFile } from '../sources/ignore-file.ts';
import { createOrigins, namedContexts, type Origins } from '../sources/origins.ts';
import { createContextStore } from '../contexts/context-store.ts';
import { holdImages } from './hold-images.ts';
import { createBases, type FindBase } from './bases.ts';
import { type BuildCache, openBuildCache } from './cache.ts';
import { mustRun, targetPlatforms } from './platforms.ts';
import { refuseUnknown } from './refuse.ts';
import { runSteps } from './run-steps.ts';
import { find, toBytes } from './select.ts';
import { createSharedSteps, type SharedSteps } from './shared-steps.ts';
import { createSlots, type Slots } from './slots.ts';
import { createSolver, type Solved } from './solver.ts';
import { createStepTeller } from './step-teller.ts';
import { type PlannedStep, stepsByVertex, stepsOf, verticesByStep } from './steps.ts';
import { readWhole, type Tree } from './tree.ts';
import type { BuildDeps, BuildRequest, Builds, BuildStep } from './types.ts';
import { warnOfSecrets } from './warn-of-secrets.ts';

export function createBuilds(given: BuildDeps): Builds {
  const cache = openBuildCache(given.database, given.images);
  const shared = createSharedSteps();
  const slots = createSlots(given.parallelism);
  return {
    isStep: (id) => cache.isStep(id),
    contexts: createContextStore({ directory: given.directory, now: given.now }),
    caches: () => given.caches.list(),
    pruneCaches: (isWanted) => given.caches.prune(isWanted),
    async prune(isWanted) {
      const deleted: ImageId[] = [];
      const kept = new Set<ImageId>();
      for (const { id, tags } of given.images.list()) {
        if (tags.length > 0 || !cache.isStep(id) || isWanted?.(id) === false) continue;
        try {
          await given.images.remove(id, { force: false, prune: false });
          deleted.push(id);
        } catch (error) {
          // A container or a build uses it, or somebody was faster.
          if (!isKind(error, 'conflict') && !isKind(error, 'not-found')) throw error;
          kept.add(id);
        }
      }
      // Rows of images that are gone count as none.
      if (isWanted === undefined) cache.forgetAllBut(kept);
      return deleted;
    },
    async build(request) {
      checkOutputs(request);
      const directory = await mkdtemp(join(given.directory, 'build-'));
      try {
        using hold = given.holds.open();
        const deps = holdImages(given, hold);
        await using origins = createOrigins({ deps, request, directory });
        return await buildTree(deps, { request, origins, cache, shared, slots, hold });
      } finally {
        await rm(directory, { recursive: true, force: true });
      }
    },
  };
}

interface Opened {
  request: BuildRequest;
  origins: Origins;
  cache: BuildCache;
  /** Over all builds. */
  shared: SharedSteps;
  slots: Slots;
  /** What stays until the build ends. */
  hold: ImageHold;
}

async function buildTree(deps: BuildDeps, opened: Opened): Promise<BuildResult> {
  const { request, origins } = opened;
  const { onProgress, signal } = request;
  const startedAtMs = deps.now();
  const context = await origins.tree({ kind: 'context' });
  const dockerfile = await readDockerfile(context, request.dockerfile);
  await dropIgnored(origins, context, request.dockerfile);
  const host = hostPlatform();
  const targets = targetPlatforms(request.platform);
  const [firstTarget = host] = targets;
  const given = request.arguments;
  const planned: PlannedTarget[] = [];
  for (const target of targets) {
    const platform = platformArguments({ build: host, target }, request.target ?? '');
    const plan = planStages(dockerfile, {
      given,
      platform,
      contexts: namedContexts(request.contexts),
      ...(request.target ? { target: request.target } : {}),
    });
    const before = planned.flatMap(({ steps }) => steps).length;
    planned.push({ target, name: formatPlatform(target), platform, plan, steps: stepsOf(plan, before) });
  }
  onProgress({ kind: 'plan', steps: toldSteps(planned) });

  warnOfSecrets(dockerfile, request, { build: host, target: firstTarget });
  const bases = createBases(deps, request);
  const graphs: SolvingTarget[] = [];
  for (const each of planned) {
    const { platform, plan, steps, name } = each;
    const configs = new Map<string, ImageId>();
    for (const { reference, platform: wanted } of baseImages(plan, name)) {
      const step = steps.find(({ base }) => base === reference)?.number;
      configs.set(`${reference} ${wanted}`, await bases(reference, wanted, step));
    }
    const lowered = lower(dockerfile, plan, {
      given,
      platform,
      targetPlatform: name,
      configOf(reference, wanted) {
        const id = configs.get(`${reference} ${wanted}`);
        return id === undefined ? undefined : deps.images.resolve(id).config.config;
      },
    });
    const labelled = withLabels(lowered, request.labels);
    refuseUnknown(labelled, request);
    const graph = withNetwork(labelled, request.network);
    mustRun(graph);
    graphs.push({ ...each, graph });
  }
  const cache = viewCache(opened.cache, await openImports(deps, request), (image) => opened.hold.add(image));
  const results = await solveAll(deps, { ...opened, cache, imageOf: bases }, graphs);
  if (signal?.aborted) signal.throwIfAborted();
  const solved: SolvedPlatform[] = [];
  for (const { target, graph, image } of results) {
    const facts = await gatherFacts(deps, request, { startedAtMs, dockerfile, graph, image });
    solved.push({ platform: target, image, facts });
  }
  return await finish(deps, request, { cache, solved });
}

interface PlannedTarget {
  target: Platform;
  name: string;
  platform: ReadonlyMap<string, string>;
  plan: StagePlan;
  steps: readonly PlannedStep[];
}

interface SolvingTarget extends PlannedTarget {
  graph: Lowered;
}

/** Of several platforms each stage says for which it is. */
function toldSteps(planned: readonly PlannedTarget[]): BuildStep[] {
  const of = planned.flatMap(({ steps }) => steps).length;
  return planned.flatMap(({ name, steps }) =>
    steps.map(({ number, stage, text, place }) => ({
      number,
      of,
      stage: planned.length > 1 ? `${name} ${stage}` : stage,
      text,
      place,
    })),
  );
}

interface Solving extends Omit<Opened, 'cache'> {
  cache: CacheView;
  imageOf: FindBase;
}

/** All platforms side by side. The first failure, or the client that leaves, ends all steps; nothing runs any more when this settles. */
async function solveAll<Target extends SolvingTarget>(
  deps: BuildDeps,
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

async function solveGraph(deps: BuildDeps, solving: SolvingOne): Promise<Solved> {
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

async function readDockerfile(context: Tree, path: string): Promise<Dockerfile> {
  const found = find(context, path);
  if (found?.type !== 'file')
    throw invalid(`Cannot locate specified Dockerfile: ${path.slice(0, 400)}`, {
      code: 'no-dockerfile',
      hint: 'name it with -f, below the context',
    });
  if (found.size > sourceLimits.bytes)
    throw invalid(`the Dockerfile is larger than ${sourceLimits.bytes} bytes`, {
      code: 'dockerfile-too-big',
    });
  return parseDockerfile(readSource(path, await readWhole(context, found)));
}

/** Clients send both files in any case; whoever ignores them does not want to find them in the image. */
async function dropIgnored(origins: Origins, context: Tree, dockerfile: string): Promise<void> {
  const name = '.dockerignore';
  const matcher = await readIgnoreFile(context, context.get(name), name);
  if (!matcher) return;
  const paths = [name, dockerfile].filter((path) => matcher.ignores(path));
  await origins.leaveOut(new Set(paths.map(toBytes)));
}

/** The network of the request is that of each RUN which names none, and part of its key. What every build has by itself is named by nobody. */
function withNetwork<Given extends Graph>(graph: Given, network: string): Given {
  if (network === '' || network === 'default') return graph;
  const changed = [...graph.vertices].map(([id, vertex]): [VertexId, Vertex] =>
    vertex.kind === 'exec' && vertex.network === 'default' ? [id, { ...vertex, network }] : [id, vertex],
  );
  return { ...graph, vertices: new Map(changed) };
}

/** Labels of the request are the image's last word. */
function withLabels(graph: Lowered, labels: BuildRequest['labels']): Lowered {
  const meta = graph.vertices.get(graph.result);
  if (meta?.kind !== 'meta' || Object.keys(labels).length === 0) return graph;
  const config = { ...meta.config, Labels: { ...meta.config.Labels, ...labels } };
  return { ...graph, vertices: new Map([...graph.vertices, [graph.result, { ...meta, config }]]) };
}
