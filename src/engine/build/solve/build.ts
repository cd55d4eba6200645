import { mkdtemp, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { invalid, isKind, unsupported } from '../../../foundation/base/errors.ts';
import type { ImageId } from '../../../foundation/oci/digest.ts';
import { formatPlatform, hostPlatform, parsePlatform } from '../../../foundation/oci/platform.ts';
import { parseReference, withDefaultTag } from '../../../foundation/oci/reference.ts';
import { formatReference } from '../../../foundation/oci/reference.ts';
import { baseImages, lower, titleOf } from '../graph/lower.ts';
import type { Lowered } from '../graph/lower.ts';
import type { Dockerfile } from '../language/dockerfile.ts';
import { parseIgnoreFile } from '../language/ignore/ignore.ts';
import { parseDockerfile } from '../language/parse/parse-dockerfile.ts';
import { planStages } from '../language/stages/plan.ts';
import type { StagePlan } from '../language/stages/plan.ts';
import { platformArguments } from '../language/stages/predefined.ts';
import { sourceLimits } from '../language/text/limits.ts';
import { readSource } from '../language/text/read-source.ts';
import { createOrigins, namedContexts, type Origins } from '../sources/origins.ts';
import { openBuildCache } from './cache.ts';
import { refuseUnknown } from './refuse.ts';
import { select } from './select.ts';
import { createSolver } from './solver.ts';
import type { Tree } from './tree.ts';
import type { BuildDeps, BuildRequest, Builds } from './types.ts';

export function createBuilds(deps: BuildDeps): Builds {
  const cache = openBuildCache(deps.database, deps.images);
  return {
    isStep: (id) => cache.isStep(id),
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
      const directory = await mkdtemp(join(deps.directory, 'build-'));
      try {
        await using origins = createOrigins({ request, directory });
        return await buildTree(deps, { request, origins, directory, cache });
      } finally {
        await rm(directory, { recursive: true, force: true });
      }
    },
  };
}

interface Opened {
  request: BuildRequest;
  origins: Origins;
  directory: string;
  cache: ReturnType<typeof openBuildCache>;
}

async function buildTree(deps: BuildDeps, { request, origins, directory, cache }: Opened): Promise<ImageId> {
  const { onProgress, signal } = request;
  const context = await origins.tree({ kind: 'context' });
  const dockerfile = await readDockerfile(context, request.dockerfile);
  await dropIgnored(context, request.dockerfile);
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

  const bases = createBases(deps, request);
  const configs = new Map<string, ImageId>();
  for (const { reference } of baseImages(plan, targetPlatform))
    configs.set(reference, await bases(reference));
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
  const solve = createSolver(deps, { graph, origins, cache, request, imageOf: bases, directory });
  for (const step of stepsOf(plan, graph)) {
    onProgress({ kind: 'step', number: step.number, of: step.of, text: step.text });
    if (step.base !== undefined) onProgress({ kind: 'image', id: await bases(step.base) });
    if (step.vertex !== undefined) onProgress({ kind: 'image', id: (await solve(step.vertex)).image });
    await request.drained();
  }
  const { image } = await solve(graph.result);
  if (signal?.aborted) signal.throwIfAborted();
  for (const tag of request.tags) await deps.images.tag(image, tag);
  return image;
}

async function readDockerfile(context: Tree, path: string): Promise<Dockerfile> {
  const [found] = select(context.entries, path.replace(/[*?[\\]/g, '\\$&'));
  if (found?.entry.type !== 'file')
    throw invalid(`Cannot locate specified Dockerfile: ${path.slice(0, 400)}`, {
      code: 'no-dockerfile',
      hint: 'name it with -f, below the context',
    });
  if (found.entry.size > sourceLimits.bytes)
    throw invalid(`the Dockerfile is larger than ${sourceLimits.bytes} bytes`, {
      code: 'dockerfile-too-big',
    });
  const pieces: Buffer[] = [];
  for await (const piece of context.read(found.entry)) pieces.push(piece);
  return parseDockerfile(readSource(path, Buffer.concat(pieces)));
}

/** Clients send both files in any case; whoever ignores them does not want to find them in the image. */
async function dropIgnored(context: Tree, dockerfile: string): Promise<void> {
  const ignore = context.entries.get('.dockerignore');
  if (ignore?.type !== 'file' || ignore.size > sourceLimits.bytes) return;
  const pieces: Buffer[] = [];
  for await (const piece of context.read(ignore)) pieces.push(piece);
  const matcher = parseIgnoreFile(Buffer.concat(pieces).toString());
  for (const path of ['.dockerignore', dockerfile])
    if (matcher.ignores(path) && context.entries.get(path)?.type === 'file') context.entries.delete(path);
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
function createBases(deps: BuildDeps, request: BuildRequest): (reference: string) => Promise<ImageId> {
  const known = new Map<string, Promise<ImageId>>();
  const pull = async (name: string): Promise<ImageId> => {
    const reference = withDefaultTag(parseReference(name));
    request.onProgress({ kind: 'pulling', reference: formatReference(reference) });
    const credentials = request.credentialsOf?.(reference.host);
    const { image } = await deps.images.pull({
      reference,
      ...(credentials ? { credentials } : {}),
      ...(request.signal ? { signal: request.signal } : {}),
    });
    return image.id;
  };
  const find = async (name: string): Promise<ImageId> => {
    if (request.pull) return await pull(name);
    try {
      return deps.images.resolve(name).id;
    } catch (error) {
      if (!isKind(error, 'not-found')) throw error;
      return await pull(name);
    }
  };
  return (name) => {
    const found = known.get(name) ?? find(name);
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

interface BuildStep {
  number: number;
  of: number;
  text: string;
  /** The image that a stage starts from. */
  base?: string;
  vertex?: Parameters<ReturnType<typeof createSolver>>[0];
}

/** The instructions of the needed stages in the order in which they are done. */
function stepsOf(plan: StagePlan, graph: Lowered): BuildStep[] {
  const vertexAt = new Map(
    [...graph.places].flatMap(([id, places]) =>
      places.map(({ stage, span, title }) => [`${stage}:${span.line}:${title}`, id] as const),
    ),
  );
  const steps = plan.needed.flatMap((index): Omit<BuildStep, 'number' | 'of'>[] => {
    const planned = plan.stages[index];
    if (!planned) return [];
    const { stage, base } = planned;
    return [
      {
        text: titleOf(stage.from),
        ...(base.kind === 'image' ? { base: base.reference } : {}),
      },
      ...stage.instructions.map((instruction) => {
        const title = titleOf(instruction);
        const vertex = vertexAt.get(`${stage.index}:${instruction.span.line}:${title}`);
        return { text: title, ...(vertex === undefined ? {} : { vertex }) };
      }),
    ];
  });
  return steps.map((step, index) => ({ ...step, number: index + 1, of: steps.length }));
}
