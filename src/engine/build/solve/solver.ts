import { throwIfAborted } from '../../../foundation/base/deadline.ts';
import { type Digest, type ImageId, sha256 } from '../../../foundation/oci/digest.ts';
import { cacheKey, literal } from '../graph/cache-key.ts';
import type { KeyPart } from '../graph/cache-key.ts';
import { canonical } from '../graph/graph.ts';
import type { Lowered } from '../graph/lower.ts';
import type { CopyVertex, Vertex, VertexId } from '../graph/vertex.ts';
import { isSource, type Origins } from '../sources/origins.ts';
import type { BuildCache } from './cache.ts';
import { rootOfTree, runCopy, runFolder } from './copy-step.ts';
import type { Source } from './copy-step.ts';
import { runExec } from './exec-step.ts';
import { digestOf, mustSelect, type Place } from './selection.ts';
import type { BuildDeps, BuildRequest, StepReport } from './types.ts';

export interface Solved {
  image: ImageId;
  key: Digest;
  isCached: boolean;
}

export interface SolverOptions {
  graph: Lowered;
  /** Files that no step made. */
  origins: Origins;
  cache: BuildCache;
  request: BuildRequest;
  /** Of a base, found before. */
  imageOf: (reference: string) => Promise<ImageId>;
  /** The step under which it is told what happens. */
  stepOf: (id: VertexId) => number | undefined;
}

/** Solves vertices on demand, inputs first, each once. */
export function createSolver(deps: BuildDeps, options: SolverOptions): (id: VertexId) => Promise<Solved> {
  const { graph, origins, cache, request, imageOf, stepOf } = options;
  const { signal, onProgress } = request;
  const solved = new Map<VertexId, Promise<Solved>>();
  const vertexOf = (id: VertexId): Vertex => {
    const vertex = graph.vertices.get(id);
    if (!vertex) throw new TypeError(`the graph has no vertex ${id}`);
    return vertex;
  };
  const titleOf = (id: VertexId): string => graph.places.get(id)?.[0]?.title ?? '';

  const solve = (id: VertexId): Promise<Solved> => {
    const known = solved.get(id) ?? work(id);
    solved.set(id, known);
    return known;
  };

  const work = async (id: VertexId): Promise<Solved> => {
    throwIfAborted(signal, 'the build');
    const vertex = vertexOf(id);
    const { definition, parts } = cacheKey(vertex);
    const values: string[] = [];
    for (const part of parts) values.push(await valueOf(part, vertex, id));
    const key = sha256(canonical({ version: 1, definition, values }));
    const found = request.noCache ? undefined : cache.find(key);
    const isThere = found !== undefined && deps.images.list().some(({ id: image }) => image === found);
    if (isThere) return { image: found, key, isCached: true };
    const image = await run(id, vertex);
    cache.keep(key, image, { isStep: vertex.kind !== 'meta' });
    return { image, key, isCached: false };
  };

  const valueOf = async (part: KeyPart, vertex: Vertex, id: VertexId): Promise<string> => {
    if (part.kind === 'resolved')
      return isSource(vertex)
        ? ((await origins.identity(vertex)) ??
            (await digestOf(await placeOf(id, titleOf(id)), ['/'], { signal })))
        : vertex.kind === 'image'
          ? await imageOf(vertex.reference)
          : part.name;
    const input = vertexOf(part.input);
    if (part.kind === 'content' && isSource(input)) {
      const { paths, exclude } = part;
      const identity = await origins.identity(input);
      if (identity !== undefined) return sha256(canonical({ identity, paths, exclude }));
      const parents = vertex.kind === 'copy' && vertex.parents;
      return await digestOf(await placeOf(part.input, titleOf(id)), paths, { exclude, parents, signal });
    }
    return (await solve(part.input)).key;
  };

  const reportOf = (step = 0): StepReport => ({
    running: (containerId) => void onProgress({ kind: 'running', step, containerId }),
    output: (stream, bytes) => onProgress({ kind: 'output', step, stream, bytes }),
    drained: () => request.drained(step),
  });

  const run = async (id: VertexId, vertex: Vertex): Promise<ImageId> => {
    const title = titleOf(id);
    switch (vertex.kind) {
      case 'scratch': {
        const image = await deps.images.compose({ run: {}, createdAtMs: 0, keepsHistory: true });
        return image.id;
      }
      case 'image':
        return await bareImage(deps, await imageOf(vertex.reference), signal);
      case 'exec':
        return await runExec(deps, request, {
          vertex,
          base: (await solve(vertex.root)).image,
          title,
          report: reportOf(stepOf(id)),
          signal,
          filesOf: (input, source) => mountedFiles(input, source, title),
        });
      case 'folder':
        return await runFolder(deps, {
          path: vertex.path,
          base: (await solve(vertex.root)).image,
          title,
          signal,
        });
      case 'copy': {
        const base = (await solve(vertex.root)).image;
        const sources = await sourcesOf(vertex, title);
        return await runCopy(deps, {
          vertex,
          sources,
          base,
          ...(request.noCache ? {} : { cache }),
          title,
          signal,
        });
      }
      case 'meta': {
        const base = (await solve(vertex.root)).image;
        const image = await deps.images.compose({
          base,
          run: vertex.config,
          createdAtMs: deps.now(),
          keepsHistory: true,
          ...(signal ? { signal } : {}),
        });
        return image.id;
      }
      case 'context':
      case 'http':
      case 'git':
        return await rootOfTree(deps, { tree: await origins.tree(vertex), title: `FROM ${id}`, signal });
    }
  };

  /** The files of a source or of a stage. */
  const placeOf = async (id: VertexId, title: string): Promise<Place> => {
    const from = vertexOf(id);
    if (isSource(from)) return { tree: await origins.tree(from), isLocal: true, title };
    return { tree: await origins.stage((await solve(id)).image), isLocal: false, title };
  };

  /** Of a context an image is made that holds them, once as long as they are the same. */
  const mountedFiles = async (
    input: VertexId,
    source: string,
    title: string,
  ): Promise<{ image: ImageId; path: string }> => {
    const from = vertexOf(input);
    if (!isSource(from)) return { image: (await solve(input)).image, path: source };
    const place = await placeOf(input, title);
    const path = literal(source);
    const key = sha256(canonical({ version: 1, mounted: await digestOf(place, [path], { signal }) }));
    const known = cache.find(key);
    if (known !== undefined && deps.images.list().some(({ id }) => id === known))
      return { image: known, path: mountedPath };
    const vertex = mountCopy(input);
    const sources = mustSelect(place, path, vertex).map((each) => ({ ...each, ...place }));
    const nothing = await deps.images.compose({ run: {}, createdAtMs: 0, keepsHistory: true });
    const image = await runCopy(deps, { vertex, sources, base: nothing.id, title, signal });
    cache.keep(key, image, { isStep: true });
    return { image, path: mountedPath };
  };

  const sourcesOf = async (vertex: CopyVertex, title: string): Promise<Source[]> => {
    const found: Source[] = [];
    for (const { input, path } of vertex.sources) {
      const place = await placeOf(input, title);
      found.push(...mustSelect(place, path, vertex).map((each) => ({ ...each, ...place })));
    }
    return found;
  };

  return solve;
}

const mountedPath = '/files';

/** Puts the one source, a file or a directory, where mounts take it from. */
const mountCopy = (root: VertexId): CopyVertex => ({
  kind: 'copy',
  root,
  sources: [],
  contents: [],
  destination: mountedPath,
  link: false,
  parents: false,
  exclude: [],
  unpack: 'never',
});

/** The same layers without any configuration, for steps to stand on. */
async function bareImage(deps: BuildDeps, id: ImageId, signal: AbortSignal | undefined): Promise<ImageId> {
  const found = deps.images.resolve(id);
  const base = found.form === 'unpacked' ? found : await deps.images.unpack(id, signal);
  const image = await deps.images.compose({
    base: base.id,
    run: {},
    createdAtMs: base.createdAtMs,
    keepsHistory: true,
    ...(signal ? { signal } : {}),
  });
  return image.id;
}
