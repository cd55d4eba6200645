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
  /** Around the search of each key. */
  guard: (id: VertexId, search: () => Promise<Digest>) => Promise<Digest>;
  /** Of this build alone, and of every key in it: two builds that differ here have no key in common. */
  salt: string;
}

/** Raised when equal keys no longer mean equal results. */
const keyVersion = 3;

/**
 * The keys of vertices, each found once. What files of a stage come to is remembered by the key of the stage, so that one whose steps are all known
 * need not be looked at.
 */
export function createKeys(options: KeyOptions): (id: VertexId) => Promise<Digest> {
  const { vertexOf, cache, resolve, contentOf, imageOf, mayUseCache, guard, salt } = options;
  const find = async (id: VertexId): Promise<Digest> => {
    const { definition, parts } = cacheKey(vertexOf(id));
    const values = await Promise.all(
      parts.map(async (part) => {
        if (part.kind === 'resolved') return await resolve(id, part.name);
        return part.kind === 'content' ? await findContent(part, id) : await keyOf(part.input);
      }),
    );
    return sha256(canonical({ version: keyVersion, salt, definition, values }));
  };
  const findContent = async (part: ContentPart, wantedBy: VertexId): Promise<string> => {
    const { input, paths, exclude } = part;
    if (isSource(vertexOf(input))) return await contentOf(part, wantedBy);
    const whole = await keyOf(input);
    // For all of a stage its key stands.
    if (paths.some((path) => /^\/*$/.test(path))) return whole;
    const vertex = vertexOf(wantedBy);
    const parents = vertex.kind === 'copy' && vertex.parents;
    const origin = sha256(canonical({ version: keyVersion, whole, paths, exclude, parents }));
    const found = mayUseCache(input) ? cache.findContent(origin) : undefined;
    if (found !== undefined) return found;
    const content = await contentOf(part, wantedBy);
    cache.keepContent(origin, { key: whole, image: await imageOf(input) }, content);
    return content;
  };
  const known = new Map<VertexId, Promise<Digest>>();
  const keyOf = (id: VertexId): Promise<Digest> => {
    const key = known.get(id) ?? guard(id, () => find(id));
    known.set(id, key);
    return key;
  };
  return keyOf;
}
