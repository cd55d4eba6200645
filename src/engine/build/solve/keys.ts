import { type Digest, type ImageId, sha256 } from '../../../foundation/oci/digest.ts';
import { cacheKey, type KeyPart } from '../graph/cache-key.ts';
import { canonical } from '../graph/graph.ts';
import type { Vertex, VertexId } from '../graph/vertex.ts';
import { isSource } from '../sources/origins.ts';
import type { BuildCache } from './cache.ts';

export type VertexOf = (id: VertexId) => Vertex;

type ContentPart = Extract<KeyPart, { kind: 'content' }>;

export interface KeyOptions {
  vertexOf: VertexOf;
  cache: Pick<BuildCache, 'findContent' | 'keepContent'>;
  /** What a name stands for in this build. */
  resolve: (id: VertexId, name: string) => Promise<string>;
  /** What counts of files. */
  contentOf: (part: ContentPart, wantedBy: VertexId) => Promise<string>;
  /** The result whose files `contentOf` looks at. */
  imageOf: (id: VertexId) => Promise<ImageId>;
  /** Whether the result of a vertex is looked up, and with it what is known of its files. */
  mayUseCache: (id: VertexId) => boolean;
  /** Whether this build made the result of a vertex, and did not find it. */
  wasMade: (id: VertexId) => boolean;
  /** Around the search of each key. */
  guard: (id: VertexId, search: () => Promise<Digest>) => Promise<Digest>;
  /** Of this build alone, and of every key in it: two builds that differ here have no key in common. */
  salt: string;
}

/** Raised when equal keys no longer mean equal results. */
const keyVersion = 3;

export interface Keys {
  /** What a vertex is looked up by. Nothing is made for it when what files of a stage come to is remembered. */
  find(id: VertexId): Promise<Digest>;
  /**
   * What a result is kept under, once all that it stands on is there. A stage that was gone and had to be made again may hold other files than were remembered: the key is then that
   * of what it holds.
   */
  settle(id: VertexId): Promise<Digest>;
}

/**
 * The keys of vertices, each found once. What files of a stage come to is remembered by the key of the stage, so that one whose steps are all known
 * need not be looked at.
 */
export function createKeys(options: KeyOptions): Keys {
  const { vertexOf, cache, resolve, contentOf, imageOf, mayUseCache, wasMade, guard, salt } = options;
  const looked = new Map<string, Promise<string>>();
  const kept = new Map<Digest, string>();
  /** Those that came out other than they were looked up by. */
  const moved = new Map<VertexId, Digest>();

  const compute = async (id: VertexId, how: How): Promise<Digest> => {
    const { definition, parts } = cacheKey(vertexOf(id));
    const values = await Promise.all(
      parts.map(async (part) => {
        if (part.kind === 'resolved') return await resolve(id, part.name);
        return part.kind === 'content' ? await findContent(part, id, how) : await how.keyOf(part.input);
      }),
    );
    return sha256(canonical({ version: keyVersion, salt, definition, values }));
  };
  const findContent = async (part: ContentPart, wantedBy: VertexId, how: How): Promise<string> => {
    const { input, paths, exclude } = part;
    const vertex = vertexOf(wantedBy);
    const parents = vertex.kind === 'copy' && vertex.parents;
    const look = (): Promise<string> => {
      const what = canonical({ wantedBy, input, paths, exclude });
      const found = looked.get(what) ?? contentOf(part, wantedBy);
      looked.set(what, found);
      return found;
    };
    if (isSource(vertexOf(input))) return await look();
    const whole = await how.keyOf(input);
    // For all of a stage its key stands.
    if (paths.some((path) => /^\/*$/.test(path))) return whole;
    const origin = sha256(canonical({ version: keyVersion, whole, paths, exclude, parents }));
    const found = how.mayRemember(input) ? cache.findContent(origin) : undefined;
    if (found !== undefined) return found;
    const content = await look();
    const image = await imageOf(input);
    if (kept.get(origin) !== content) cache.keepContent(origin, { key: whole, image }, content);
    kept.set(origin, content);
    return content;
  };

  const known = new Map<VertexId, Promise<Digest>>();
  const find = (id: VertexId): Promise<Digest> => {
    const key = known.get(id) ?? guard(id, () => compute(id, { keyOf: find, mayRemember: mayUseCache }));
    known.set(id, key);
    return key;
  };
  return {
    find,
    async settle(id) {
      const wanted = await find(id);
      const mayHaveMoved = cacheKey(vertexOf(id)).parts.some(
        (part) =>
          part.kind !== 'resolved' &&
          (moved.has(part.input) || (part.kind === 'content' && wasMade(part.input))),
      );
      if (!mayHaveMoved) return wanted;
      const key = await compute(id, {
        keyOf: async (input) => moved.get(input) ?? (await find(input)),
        mayRemember: (input) => mayUseCache(input) && !wasMade(input),
      });
      if (key !== wanted) moved.set(id, key);
      return key;
    },
  };
}

interface How {
  keyOf: (id: VertexId) => Promise<Digest>;
  /** Whether what is remembered of its files counts. */
  mayRemember: (id: VertexId) => boolean;
}
