import { mkdtemp, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { invalid, isKind } from '../../../foundation/base/errors.ts';
import type { ImageId } from '../../../foundation/oci/digest.ts';
import { formatPlatform, hostPlatform } from '../../../foundation/oci/platform.ts';
import type { Graph } from '../graph/graph.ts';
import { baseImages, lower } from '../graph/lower.ts';
import type { Lowered } from '../graph/lower.ts';
import type { Vertex, VertexId } from '../graph/vertex.ts';
import type { Dockerfile } from '../language/dockerfile.ts';
import { parseDockerfile } from '../language/parse/parse-dockerfile.ts';
import { planStages } from '../language/stages/plan.ts';
import { platformArguments } from '../language/stages/predefined.ts';
import { sourceLimits } from '../language/text/limits.ts';
import { readSource } from '../language/text/read-source.ts';
import { openImports } from '../cache-transfer/import-cache.ts';
import { viewCache } from '../cache-transfer/view.ts';
import { checkOutputs } from '../output/check-outputs.ts';
import { gatherFacts } from '../output/facts.ts';
import type { BuildResult } from '../output/output.ts';
import { finish, type SolvedPlatform } from '../output/finish.ts';
import { readIgnoreFile } from '../sources/ignore-file.ts';
import { createOrigins, namedContexts, type Origins } from '../sources/origins.ts';
import { createContextStore } from '../contexts/context-store.ts';
import { holdImages } from './hold-images.ts';
import { createLater } from './schedule/later.ts';
import { createBases } from './bases.ts';
import { openBuildCache } from './cache.ts';
import { mustRun, targetPlatforms } from './platforms.ts';
import { refuseUnknown } from './refuse.ts';
import { find, toBytes } from './files/select.ts';
import { createSharedSteps } from './schedule/shared-steps.ts';
import { createSlots } from './schedule/slots.ts';
import { stepsOf } from './schedule/steps.ts';
import { readWhole, type Tree } from './files/tree.ts';
import type { BuildDeps, BuildRequest, Builds, BuildStep, StepDeps } from './types.ts';
import { warnOfSecrets } from './warn-of-secrets.ts';
import { type Opened, type PlannedTarget, type SolvingTarget, solveAll } from './solve-platforms.ts';

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
        await using later = createLater(given);
        const deps = { ...holdImages(given, hold), later };
        await using origins = createOrigins({ deps, request, directory });
        return await buildTree(deps, { request, origins, cache, shared, slots, hold });
      } finally {
        await rm(directory, { recursive: true, force: true });
      }
    },
  };
}

async function buildTree(deps: StepDeps, opened: Opened): Promise<BuildResult> {
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
      isSquashed: request.isSquashed === true,
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
  const meta = graph.vertices.get(graph.meta);
  if (meta?.kind !== 'meta' || Object.keys(labels).length === 0) return graph;
  const config = { ...meta.config, Labels: { ...meta.config.Labels, ...labels } };
  return { ...graph, vertices: new Map([...graph.vertices, [graph.meta, { ...meta, config }]]) };
}
