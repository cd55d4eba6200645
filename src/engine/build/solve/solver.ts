import { join } from 'node:path';
import { invalid, isKind } from '../../../foundation/base/errors.ts';
import { throwIfAborted } from '../../../foundation/base/deadline.ts';
import { type Digest, type ImageId, sha256 } from '../../../foundation/oci/digest.ts';
import { baseOf, components } from '../../../foundation/archive/byte-path.ts';
import { cacheKey } from '../graph/cache-key.ts';
import type { KeyPart } from '../graph/cache-key.ts';
import { canonical } from '../graph/graph.ts';
import type { Lowered } from '../graph/lower.ts';
import type { CopyVertex, Vertex, VertexId } from '../graph/vertex.ts';
import { isSource, type Origins } from '../sources/origins.ts';
import type { BuildCache } from './cache.ts';
import { runCopy, runFolder } from './copy-step.ts';
import type { Source } from './copy-step.ts';
import { runExec } from './exec-step.ts';
import { hasPattern, select, type Selected, subtree, toBytes } from './select.ts';
import { filesOnly, withContainer } from './step.ts';
import { readTree, type Tree } from './tree.ts';
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
  /** For the files of stages. */
  directory: string;
  /** The step under which it is told what happens. */
  stepOf: (id: VertexId) => number | undefined;
}

/** Solves vertices on demand, inputs first, each once. */
export function createSolver(deps: BuildDeps, options: SolverOptions): (id: VertexId) => Promise<Solved> {
  const { graph, origins, cache, request, imageOf, directory, stepOf } = options;
  const { signal, onProgress } = request;
  const solved = new Map<VertexId, Promise<Solved>>();
  const vertexOf = (id: VertexId): Vertex => {
    const vertex = graph.vertices.get(id);
    if (!vertex) throw new TypeError(`the graph has no vertex ${id}`);
    return vertex;
  };
  const titleOf = (id: VertexId): string => graph.places.get(id)?.[0]?.title ?? '';
  let spools = 0;

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
      return vertex.kind === 'image' ? await imageOf(vertex.reference) : part.name;
    const input = vertexOf(part.input);
    if (part.kind === 'content' && isSource(input)) {
      const tree = await origins.tree(input);
      return sha256(JSON.stringify(part.paths.map((path) => describe(local(tree, path, titleOf(id))))));
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
        const opened: Tree[] = [];
        try {
          const sources = await sourcesOf(vertex, title, opened);
          return await runCopy(deps, { vertex, sources, base, title, signal });
        } finally {
          for (const tree of opened) await tree[Symbol.asyncDispose]();
        }
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
        throw new TypeError(`a ${vertex.kind} is no root`);
    }
  };

  const local = (tree: Tree, path: string, title: string): Selected[] => {
    const found = select(tree.entries, path);
    if (found.length > 0) return found;
    throw hasPattern(path) ? noSources(title) : missing(path, title);
  };

  const sourcesOf = async (vertex: CopyVertex, title: string, opened: Tree[]): Promise<Source[]> => {
    const sources: Source[] = [];
    for (const { input, path } of vertex.sources) {
      const from = vertexOf(input);
      if (isSource(from)) {
        const tree = await origins.tree(from);
        sources.push(...local(tree, path, title).map((each) => ({ ...each, tree, isLocal: true })));
      } else {
        const { image } = await solve(input);
        const tree = await readStage(image, path, title);
        opened.push(tree.tree);
        sources.push(...tree.found.map((each) => ({ ...each, tree: tree.tree, isLocal: false })));
      }
    }
    return sources;
  };

  /** The files of a stage that a source means. Of a path with a pattern the folder before it is looked at. */
  const readStage = (
    image: ImageId,
    path: string,
    title: string,
  ): Promise<{ tree: Tree; found: Selected[] }> =>
    withContainer(deps, image, filesOnly, async (container) => {
      const parts = components(path);
      const first = parts.findIndex(hasPattern);
      const asked = `/${(first < 0 ? parts : parts.slice(0, first)).join('/')}`;
      const options = signal ? { signal } : {};
      const where = await followed(container, asked).catch((error: unknown) => {
        throw isKind(error, 'not-found') ? missing(path, title) : error;
      });
      const { tar } = await deps.files.read(container, where, options);
      const tree = await readTree(tar, {
        path: join(directory, `stage-${spools++}`),
        what: `files of ${path}`,
        signal,
      });
      const entries = subtree(tree.entries, baseOf(toBytes(where)));
      const found = select(entries, first < 0 ? '/' : parts.slice(first).join('/'));
      if (found.length > 0)
        return {
          tree,
          found: first < 0 ? found.map((each) => ({ ...each, name: baseOf(toBytes(asked)) })) : found,
        };
      await tree[Symbol.asyncDispose]();
      throw noSources(title);
    });

  const followed = async (container: string, path: string): Promise<string> => {
    const stat = await deps.files.stat(container, path);
    return stat.linkTarget === '' ? path : stat.linkTarget;
  };

  return solve;
}

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

/** What counts of files: everything but times, and the owners of the client. */
const describe = (found: readonly Selected[]): unknown =>
  found.map(({ name, entry, below }) => [
    name,
    facts(entry),
    below.map(([path, each]) => [path, facts(each)]),
  ]);

const facts = ({ type, mode, digest, linkName, devMajor, devMinor, xattrs }: Selected['entry']): unknown => [
  type,
  mode,
  digest,
  linkName,
  devMajor,
  devMinor,
  [...(xattrs ?? [])].map(([name, value]) => [name, value.toString('hex')]),
];

const verbOf = (title: string): string => title.split(' ', 1)[0] || 'COPY';

const missing = (path: string, title: string) =>
  invalid(
    `${verbOf(title)} failed: file not found in build context or excluded by .dockerignore: stat ${path.slice(0, 400)}: file does not exist`,
    { code: 'no-such-source' },
  );

const noSources = (title: string) =>
  invalid(`${verbOf(title)} failed: no source files were specified`, { code: 'no-sources' });
