import { mkdtemp, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { invalid, isKind, toSiloError, unsupported } from '../../../foundation/base/errors.ts';
import type { ImageId } from '../../../foundation/oci/digest.ts';
import { formatPlatform, hostPlatform, parsePlatform } from '../../../foundation/oci/platform.ts';
import { parseReference, withDefaultTag } from '../../../foundation/oci/reference.ts';
import { formatReference } from '../../../foundation/oci/reference.ts';
import { baseImages, lower } from '../graph/lower.ts';
import type { Lowered } from '../graph/lower.ts';
import type { Dockerfile } from '../language/dockerfile.ts';
import { parseIgnoreFile } from '../language/ignore/ignore.ts';
import { parseDockerfile } from '../language/parse/parse-dockerfile.ts';
import { planStages } from '../language/stages/plan.ts';
import type { StagePlan } from '../language/stages/plan.ts';
import { platformArguments } from '../language/stages/predefined.ts';
import { sourceLimits } from '../language/text/limits.ts';
import { readSource } from '../language/text/read-source.ts';
import { createAttest } from '../output/attest.ts';
import { checkOutputs } from '../output/check-outputs.ts';
import { gatherFacts } from '../output/facts.ts';
import type { BuildResult } from '../output/output.ts';
import { produce } from '../output/produce.ts';
import { provenance } from '../output/provenance.ts';
import { createOrigins, namedContexts, type Origins } from '../sources/origins.ts';
import { createContextStore } from '../contexts/context-store.ts';
import { openBuildCache } from './cache.ts';
import { refuseUnknown } from './refuse.ts';
import { find, toBytes } from './select.ts';
import { createSolver } from './solver.ts';
import { stepsByVertex, stepsOf } from './steps.ts';
import type { Tree } from './tree.ts';
import type { BuildDeps, BuildRequest, Builds } from './types.ts';
import { warnOfSecrets } from './warn-of-secrets.ts';

export function createBuilds(deps: BuildDeps): Builds {
  const cache = openBuildCache(deps.database, deps.images);
  return {
    isStep: (id) => cache.isStep(id),
    contexts: createContextStore({ directory: deps.directory, now: deps.now }),
    caches: () => deps.caches.list(),
    pruneCaches: (isWanted) => deps.caches.prune(isWanted),
    async prune() {
      const deleted: ImageId[] = [];
      for (const { id, tags } of deps.images.list()) {
        if (tags.length > 0 || !cache.isStep(id)) continue;
        try {
          await deps.images.remove(id, { force: false, prune: false });
          deleted.push(id);
        } catch (error) {
          // A container uses it, or somebody was faster.
          if (!isKind(error, 'conflict') && !isKind(error, 'not-found')) throw error;
        }
      }
      return deleted;
    },
    async build(request) {
      checkOutputs(request);
      const directory = await mkdtemp(join(deps.directory, 'build-'));
      try {
        await using origins = createOrigins({ deps, request, directory });
        return await buildTree(deps, { request, origins, cache });
      } finally {
        await rm(directory, { recursive: true, force: true });
      }
    },
  };
}

interface Opened {
  request: BuildRequest;
  origins: Origins;
  cache: ReturnType<typeof openBuildCache>;
}

async function buildTree(deps: BuildDeps, { request, origins, cache }: Opened): Promise<BuildResult> {
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
  const stepsOfVertex = stepsByVertex(graph, steps);
  const solve = createSolver(deps, {
    graph,
    origins,
    cache,
    request,
    imageOf: bases,
    stepOf: (id) => stepsOfVertex.get(id)?.[0],
  });
  for (const step of steps) {
    onProgress({ kind: 'started', step: step.number, atMs: deps.now() });
    try {
      if (step.base !== undefined)
        onProgress({ kind: 'image', step: step.number, id: await bases(step.base, step.number) });
      let isCached = false;
      for (const [vertex, wanted] of stepsOfVertex) {
        if (!wanted.includes(step.number)) continue;
        const solved = await solve(vertex);
        ({ isCached } = solved);
        onProgress({ kind: 'image', step: step.number, id: solved.image });
      }
      onProgress({ kind: isCached ? 'cached' : 'done', step: step.number, atMs: deps.now() });
    } catch (error) {
      const { message } = toSiloError(error);
      onProgress({ kind: 'failed', step: step.number, atMs: deps.now(), message });
      throw error;
    }
    await request.drained(step.number);
  }
  const { image } = await solve(graph.result);
  if (signal?.aborted) signal.throwIfAborted();
  const facts = await gatherFacts(deps, request, { startedAtMs, dockerfile, graph, image });
  return await produce(deps, {
    request,
    results: [{ platform: target, image }],
    attestations: createAttest(deps, { request, factsOf: () => facts }),
    metadata: {
      'buildx.build.provenance': provenance(request, facts, { mode: 'min', platform: targetPlatform }),
    },
  });
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
