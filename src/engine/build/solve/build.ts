import { mkdtemp, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { invalid, isKind, unsupported } from '../../../foundation/base/errors.ts';
import type { ImageId } from '../../../foundation/oci/digest.ts';
import { formatPlatform, hostPlatform, parsePlatform } from '../../../foundation/oci/platform.ts';
import { parseReference, withDefaultTag } from '../../../foundation/oci/reference.ts';
import { formatReference } from '../../../foundation/oci/reference.ts';
import { baseImages, lower } from '../graph/lower.ts';
import type { Lowered } from '../graph/lower.ts';
import { inputsOf, type VertexId } from '../graph/vertex.ts';
import type { Dockerfile } from '../language/dockerfile.ts';
import { parseIgnoreFile } from '../language/ignore/ignore.ts';
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
import { finish } from '../output/finish.ts';
import { loadLayout } from '../sources/layout.ts';
import { createOrigins, layoutOf, namedContexts, type Origins } from '../sources/origins.ts';
import { createContextStore } from '../contexts/context-store.ts';
import { type BuildCache, openBuildCache } from './cache.ts';
import { refuseUnknown } from './refuse.ts';
import { runSteps } from './run-steps.ts';
import { find, toBytes } from './select.ts';
import { createSharedSteps, type SharedSteps } from './shared-steps.ts';
import { createSlots, type Slots } from './slots.ts';
import { createSolver, type Solved } from './solver.ts';
import { createStepTeller } from './step-teller.ts';
import { type PlannedStep, stepsByVertex, stepsOf, verticesByStep } from './steps.ts';
import type { Tree } from './tree.ts';
import type { BuildDeps, BuildRequest, Builds } from './types.ts';
import { warnOfSecrets } from './warn-of-secrets.ts';

export function createBuilds(deps: BuildDeps): Builds {
  const cache = openBuildCache(deps.database, deps.images);
  const shared = createSharedSteps();
  const slots = createSlots(deps.parallelism);
  return {
    isStep: (id) => cache.isStep(id),
    contexts: createContextStore({ directory: deps.directory, now: deps.now }),
    caches: () => deps.caches.list(),
    pruneCaches: (isWanted) => deps.caches.prune(isWanted),
    async prune(isWanted) {
      const deleted: ImageId[] = [];
      const kept = new Set<ImageId>();
      for (const { id, tags } of deps.images.list()) {
        if (tags.length > 0 || !cache.isStep(id) || isWanted?.(id) === false) continue;
        try {
          await deps.images.remove(id, { force: false, prune: false });
          deleted.push(id);
        } catch (error) {
          // A container uses it, or somebody was faster.
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
      const directory = await mkdtemp(join(deps.directory, 'build-'));
      try {
        await using origins = createOrigins({ deps, request, directory });
        return await buildTree(deps, { request, origins, cache, shared, slots });
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
}

async function buildTree(deps: BuildDeps, opened: Opened): Promise<BuildResult> {
  const { request, origins } = opened;
  const { onProgress, signal } = request;
  const startedAtMs = deps.now();
  const context = await origins.tree({ kind: 'context' });
  const dockerfile = await readDockerfile(context, request.dockerfile);
  await dropIgnored(origins, request.dockerfile);
  const host = hostPlatform();
  const target = request.platform === undefined ? host : parsePlatform(request.platform);
  const targetPlatform = formatPlatform(target);
  const platform = platformArguments({ build: host, target }, request.target ?? '');
  const given = request.arguments;
  const plan = planStages(dockerfile, {
    given,
    platform,
    contexts: namedContexts(request.contexts),
    ...(request.target ? { target: request.target } : {}),
  });
  refusePlatforms(plan, targetPlatform);
  const steps = stepsOf(plan);
  onProgress({
    kind: 'plan',
    steps: steps.map(({ number, of, stage, text, place }) => ({ number, of, stage, text, place })),
  });

  warnOfSecrets(dockerfile, request, { build: host, target });
  const bases = createBases(deps, request);
  const configs = new Map<string, ImageId>();
  for (const { reference } of baseImages(plan, targetPlatform))
    configs.set(reference, await bases(reference, steps.find(({ base }) => base === reference)?.number));
  const graph = withLabels(
    lower(dockerfile, plan, {
      given,
      platform,
      targetPlatform,
      configOf: (reference) => {
        const id = configs.get(reference);
        return id === undefined ? undefined : deps.images.resolve(id).config.config;
      },
    }),
    request.labels,
  );
  refuseUnknown(graph, request);
  const cache = viewCache(opened.cache, await openImports(deps, request));
  const { image } = await solveGraph(deps, { ...opened, cache, graph, steps, imageOf: bases });
  if (signal?.aborted) signal.throwIfAborted();
  const facts = await gatherFacts(deps, request, { startedAtMs, dockerfile, graph, image });
  return await finish(deps, request, { cache, solved: [{ platform: target, image, facts }] });
}

interface Solving extends Omit<Opened, 'cache'> {
  cache: CacheView;
  graph: Lowered;
  steps: readonly PlannedStep[];
  imageOf: (reference: string) => Promise<ImageId>;
}

/** The first failure, or the client that leaves, ends all steps; nothing runs any more when this settles. */
async function solveGraph(deps: BuildDeps, solving: Solving): Promise<Solved> {
  const { request, graph, steps, imageOf } = solving;
  const failed = new AbortController();
  const signal = request.signal ? AbortSignal.any([request.signal, failed.signal]) : failed.signal;
  let failure: { error: unknown } | undefined;
  const stepsOfVertex = stepsByVertex(graph, steps);
  const teller = createStepTeller({
    request,
    stepsOf: (id) => stepsOfVertex.get(id) ?? [],
    signal,
    now: deps.now,
    onFailure(error) {
      failure ??= { error };
      failed.abort(error);
    },
  });
  try {
    await using solver = createSolver(deps, {
      ...solving,
      signal,
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
      imageOf,
    });
  } catch (error) {
    throw failure ? failure.error : error;
  }
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
  const pieces: Buffer[] = [];
  for await (const piece of context.read(found)) pieces.push(piece);
  return parseDockerfile(readSource(path, Buffer.concat(pieces)));
}

/** Clients send both files in any case; whoever ignores them does not want to find them in the image. */
async function dropIgnored(origins: Origins, dockerfile: string): Promise<void> {
  const context = await origins.tree({ kind: 'context' });
  const ignore = context.get('.dockerignore');
  if (ignore?.type !== 'file' || ignore.size > sourceLimits.bytes) return;
  const pieces: Buffer[] = [];
  for await (const piece of context.read(ignore)) pieces.push(piece);
  const matcher = parseIgnoreFile(Buffer.concat(pieces).toString());
  const paths = ['.dockerignore', dockerfile].filter((path) => matcher.ignores(path));
  await origins.leaveOut(new Set(paths.map(toBytes)));
}

function refusePlatforms(plan: StagePlan, target: string): void {
  const host = formatPlatform(hostPlatform());
  if (target !== host)
    throw unsupported(`building for ${target} on ${host} is not supported yet`, {
      code: 'build-unsupported',
    });
  for (const index of plan.needed) {
    const stage = plan.stages[index];
    if (stage?.platform !== undefined && formatPlatform(parsePlatform(stage.platform)) !== host)
      throw unsupported(
        `dockerfile line ${stage.stage.from.span.line}: FROM --platform=${stage.platform} on ${host} is not supported yet`,
        { code: 'build-unsupported' },
      );
  }
}

/** Images that stages start from or take files of, each asked for once a build. */
function createBases(
  deps: BuildDeps,
  request: BuildRequest,
): (reference: string, step?: number) => Promise<ImageId> {
  const known = new Map<string, Promise<ImageId>>();
  const pull = async (name: string, step: number | undefined): Promise<ImageId> => {
    const reference = withDefaultTag(parseReference(name));
    const pulling = {
      kind: 'pulling',
      reference: formatReference(reference),
      ...(step === undefined ? {} : { step }),
    } as const;
    request.onProgress(pulling);
    const credentials = request.credentialsOf?.(reference.host);
    const { image } = await deps.images.pull({
      reference,
      onProgress: (progress) => void request.onProgress({ ...pulling, progress }),
      ...(credentials ? { credentials } : {}),
      ...(request.signal ? { signal: request.signal } : {}),
    });
    return image.id;
  };
  const find = async (name: string, step: number | undefined): Promise<ImageId> => {
    const layout = layoutOf(request.contexts, name);
    if (layout) return await loadLayout(deps, layout, request.signal);
    if (request.pull) return await pull(name, step);
    try {
      return deps.images.resolve(name).id;
    } catch (error) {
      if (!isKind(error, 'not-found')) throw error;
      return await pull(name, step);
    }
  };
  return (name, step) => {
    const found = known.get(name) ?? find(name, step);
    known.set(name, found);
    return found;
  };
}

/** Labels of the request are the image's last word. */
function withLabels(graph: Lowered, labels: BuildRequest['labels']): Lowered {
  const meta = graph.vertices.get(graph.result);
  if (meta?.kind !== 'meta' || Object.keys(labels).length === 0) return graph;
  const config = { ...meta.config, Labels: { ...meta.config.Labels, ...labels } };
  return { ...graph, vertices: new Map([...graph.vertices, [graph.result, { ...meta, config }]]) };
}
