import { randomUUID } from 'node:crypto';
import { throwIfAborted } from '../../../foundation/base/deadline.ts';
import { faultPoint } from '../../../foundation/base/fault.ts';
import { type Digest, type ImageId, sha256 } from '../../../foundation/oci/digest.ts';
import { literal } from '../graph/cache-key.ts';
import { canonical } from '../graph/graph.ts';
import type { Lowered } from '../graph/lower.ts';
import type { CopyVertex, Vertex, VertexId } from '../graph/vertex.ts';
import { isSource, type Origins } from '../sources/origins.ts';
import type { ImageHold } from '../../image/image-holds.ts';
import type { CacheView } from '../cache-transfer/view.ts';
import { runCopy } from './steps/copy-step.ts';
import type { Source } from './steps/copy-members.ts';
import { createKeys, type KeyOptions, type VertexOf } from './keys.ts';
import { type How, type Ready, runVertex } from './steps/run-vertex.ts';
import { digestOf, mustSelect, type Place } from './files/selection.ts';
import type { SharedSteps } from './schedule/shared-steps.ts';
import type { Slot, Slots } from './schedule/slots.ts';
import type { StepTeller } from './schedule/step-teller.ts';
import type { BuildRequest, StepDeps, StepReport } from './types.ts';

export interface Solved {
  image: ImageId;
  isCached: boolean;
}

export interface SolverOptions {
  graph: Lowered;
  /** Files that no step made. */
  origins: Origins;
  cache: CacheView;
  /** Over all builds. */
  shared: SharedSteps;
  slots: Slots;
  /** What another build made stays for this one. */
  hold: ImageHold;
  request: BuildRequest;
  /** Ends with the build, or when a step fails. */
  signal: AbortSignal;
  /** Of a base, found before. */
  imageOf: (reference: string, platform: string) => Promise<ImageId>;
  teller: StepTeller;
  /** `SOURCE_DATE_EPOCH`: nothing is younger. */
  epochMs: number | undefined;
  /** Whether the result of a vertex is looked up. */
  mayUseCache: (id: VertexId) => boolean;
}

/** Solves vertices on demand: a result that is known needs none of its inputs. */
export interface Solver extends AsyncDisposable {
  solve(id: VertexId): Promise<Solved>;
  /** What became of a vertex, without asking for it: undefined when nobody needed it until `solve` of the last one was done. */
  observe(id: VertexId, end: Promise<unknown>): Promise<Solved | undefined>;
}

export function createSolver(given: StepDeps, options: SolverOptions): Solver {
  const deps = options.epochMs === undefined ? given : atEpoch(given, options.epochMs);
  const { graph, origins, cache, shared, slots, hold, request, signal, imageOf, teller } = options;
  const alone = randomUUID();
  const salt = options.epochMs === undefined ? '' : String(options.epochMs);
  const solved = new Map<VertexId, Promise<Solved>>();
  const made = new Set<VertexId>();
  const asked = new Map<VertexId, PromiseWithResolvers<void>>();
  /** Others may go on with it when this build has given up, and it reads this build's files. */
  const begun = new Set<Promise<ImageId>>();
  const vertexOf: VertexOf = (id) => {
    const vertex = graph.vertices.get(id);
    if (!vertex) throw new TypeError(`the graph has no vertex ${id}`);
    return vertex;
  };
  const titleOf = (id: VertexId): string => graph.places.get(id)?.[0]?.title ?? '';
  const askedOf = (id: VertexId): PromiseWithResolvers<void> => {
    const found = asked.get(id) ?? Promise.withResolvers<void>();
    asked.set(id, found);
    return found;
  };

  /** The files of a source or of a stage. */
  const placeOf = async (id: VertexId, title: string): Promise<Place> => {
    const from = vertexOf(id);
    if (isSource(from)) return { tree: await origins.tree(from), isLocal: true, title };
    return { tree: await origins.stage((await solve(id)).image), isLocal: false, title };
  };
  const contentOf: KeyOptions['contentOf'] = async ({ input, paths, exclude }, wantedBy) => {
    const from = vertexOf(input);
    const identity = isSource(from) ? await origins.identity(from) : undefined;
    if (identity !== undefined) return sha256(canonical({ identity, paths, exclude }));
    const vertex = vertexOf(wantedBy);
    const parents = vertex.kind === 'copy' && vertex.parents;
    const place = await placeOf(input, titleOf(wantedBy));
    const files = await digestOf(place, paths, { exclude, parents, signal });
    // Archives of these stay as they are.
    const isKept = vertex.kind === 'copy' && vertex.unpack === 'local' && place.tree.isFetched === true;
    return isKept ? sha256(canonical({ fetched: files })) : files;
  };
  const keys = createKeys({
    vertexOf,
    cache,
    contentOf,
    imageOf: async (id) => (await solve(id)).image,
    mayUseCache: options.mayUseCache,
    wasMade: (id) => made.has(id),
    salt,
    guard: (id, search) => teller.guard(id, search),
    async resolve(id, name) {
      const vertex = vertexOf(id);
      if (vertex.kind === 'image') return await imageOf(vertex.reference, vertex.platform);
      if (!isSource(vertex)) return name;
      const identity = await origins.identity(vertex);
      return identity ?? (await digestOf(await placeOf(id, titleOf(id)), ['/'], { signal }));
    },
  });
  const find = (id: VertexId, key: Digest): ImageId | undefined =>
    options.mayUseCache(id) ? cache.find(key) : undefined;

  const solve = (id: VertexId): Promise<Solved> => {
    const known = solved.get(id) ?? teller.guard(id, () => workAsResult(id));
    solved.set(id, known);
    askedOf(id).resolve();
    return known;
  };

  const keepBegun = (step: Promise<ImageId>): Promise<ImageId> => {
    begun.add(step);
    const end = (): void => void begun.delete(step);
    step.then(end, end);
    return step;
  };

  /** What it leads to may have been a mere step of another build, found or made together with it. */
  const workAsResult = async (id: VertexId): Promise<Solved> => {
    const done = await work(id);
    if (id === graph.result) cache.keepResult(done.image);
    return done;
  };

  const work = async (id: VertexId): Promise<Solved> => {
    throwIfAborted(signal, 'the build');
    const wanted = await keys.find(id);
    const mayUseCache = options.mayUseCache(id);
    const found = find(id, wanted) ?? (mayUseCache ? await cache.bring(wanted, signal) : undefined);
    if (found !== undefined) return { image: found, isCached: true };
    const vertex = vertexOf(id);
    const ready = await inputsOf(id, vertex);
    const key = await keys.settle(id);
    const same = key === wanted ? undefined : find(id, key);
    if (same !== undefined) return { image: same, isCached: true };
    // A build that looks nothing up does not want what another one is about to find either; and who looks into a step that fails keeps nobody waiting.
    const name = mayUseCache && !request.debug ? cache.nameOf(key) : `${key} ${alone}`;
    const step = async ({ report, signal: wanted }: Pick<How, 'report' | 'signal'>): Promise<ImageId> => {
      using slot = await slots.take({ build: request, order: teller.orderOf(id), signal: wanted });
      teller.begin(id);
      faultPoint('build.step.begun');
      const how: How = {
        title: titleOf(id),
        report: besides(report, slot),
        aside: (waiting) => slot.aside(waiting),
        signal: wanted,
        mayUseCache,
      };
      const result = await run(ready, how);
      faultPoint('build.step.done');
      cache.keep(key, result, { isStep: id !== graph.result });
      faultPoint('build.step.kept');
      return result;
    };
    const isOwn = readsSources(vertex);
    const image = await shared.join(name, { report: teller.reportOf(id), signal }, (flight) =>
      isOwn ? keepBegun(step(flight)) : step(flight),
    );
    hold.add(image);
    made.add(id);
    return { image, isCached: false };
  };

  /** All that the work needs; nothing is waited for while it has its place. */
  const inputsOf = async (id: VertexId, vertex: Vertex): Promise<Ready> => {
    switch (vertex.kind) {
      case 'scratch':
        return { vertex };
      case 'image':
        return { vertex, base: await imageOf(vertex.reference, vertex.platform) };
      case 'copy': {
        const [base, sources] = await Promise.all([solve(vertex.root), sourcesOf(vertex, titleOf(id))]);
        return { vertex, base: base.image, sources };
      }
      case 'exec': {
        const [base] = await Promise.all([
          solve(vertex.root),
          ...vertex.mounts.map(async ({ input }) => {
            if (input !== undefined) await placeOf(input, titleOf(id));
          }),
        ]);
        return { vertex, base: base.image };
      }
      case 'folder':
      case 'meta':
      case 'squash':
        return { vertex, base: (await solve(vertex.root)).image };
      case 'context':
      case 'http':
      case 'git':
        return { vertex, tree: await origins.tree(vertex) };
    }
  };

  const sourcesOf = async (vertex: CopyVertex, title: string): Promise<Source[]> => {
    const found = await Promise.all(
      vertex.sources.map(async ({ input, path }) => {
        const place = await placeOf(input, title);
        return mustSelect(place, path, vertex).map((each) => ({ ...each, ...place }));
      }),
    );
    return found.flat();
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
    const key = sha256(canonical({ version: 2, salt, mounted: await digestOf(place, [path], { signal }) }));
    const known = cache.find(key);
    if (known !== undefined) return { image: known, path: mountedPath };
    const vertex = mountCopy(input);
    const sources = mustSelect(place, path, vertex).map((each) => ({ ...each, ...place }));
    const nothing = await deps.images.compose({ run: {}, createdAtMs: 0, keepsHistory: true });
    const image = await runCopy(deps, { vertex, sources, base: nothing.id, salt, title, signal });
    cache.keep(key, image, { isStep: true });
    return { image, path: mountedPath };
  };

  const run = (ready: Ready, how: How): Promise<ImageId> =>
    runVertex(deps, ready, {
      ...how,
      request,
      cache,
      salt,
      epochMs: options.epochMs,
      imageOf,
      filesOf: (input, source) => mountedFiles(input, source, how.title),
    });

  return {
    solve,
    async observe(id, end) {
      const key = await keys.find(id);
      const found = solved.has(id) ? undefined : find(id, key);
      if (found !== undefined) {
        teller.begin(id);
        return { image: found, isCached: true };
      }
      await Promise.race([askedOf(id).promise, end]);
      return await solved.get(id);
    },
    async [Symbol.asyncDispose]() {
      await Promise.allSettled(solved.values());
      while (begun.size > 0) await Promise.allSettled(begun);
    },
  };
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

/** All but a plain RUN, which stands on an image alone: a build that fails need not wait until others are done with it. */
const readsSources = (vertex: Vertex): boolean => vertex.kind !== 'exec' || vertex.mounts.length > 0;

/** Whose output nobody takes keeps no place from others. */
const besides = (report: StepReport, slot: Slot): StepReport => ({
  ...report,
  drained: () => slot.aside(() => report.drained()),
});

/** Steps whose files and images are no younger than that. */
function atEpoch(deps: StepDeps, epochMs: number): StepDeps {
  const latestMtimeSec = Math.floor(epochMs / 1000);
  const { images, changes } = deps;
  return {
    ...deps,
    now: () => epochMs,
    images: { ...images, compose: (request) => images.compose({ ...request, latestMtimeSec }) },
    changes: {
      ...changes,
      commit: (id, { bare = { createdBy: '' }, ...request }) =>
        changes.commit(id, { ...request, bare: { ...bare, latestMtimeSec } }),
    },
  };
}
