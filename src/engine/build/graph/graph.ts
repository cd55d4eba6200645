import { sha256 } from '../../../foundation/oci/digest.ts';
import type { Digest } from '../../../foundation/oci/digest.ts';
import type { Vertex, VertexId, VertexPlace } from './vertex.ts';

/** Vertices by id, inputs before those who need them. */
export interface Graph {
  vertices: ReadonlyMap<VertexId, Vertex>;
  /** Every place of the Dockerfile that wants a vertex; equal work of two stages is one vertex with two places. */
  places: ReadonlyMap<VertexId, readonly VertexPlace[]>;
}

export interface GraphBuilder extends Graph {
  add(vertex: Vertex, place?: VertexPlace): VertexId;
}

export function createGraph(): GraphBuilder {
  const vertices = new Map<VertexId, Vertex>();
  const places = new Map<VertexId, VertexPlace[]>();
  return {
    vertices,
    places,
    add(vertex, place) {
      const id = sha256(canonical(withListDigest(vertex)));
      if (!vertices.has(id)) vertices.set(id, vertex);
      if (place !== undefined) {
        const known = places.get(id);
        if (known === undefined) places.set(id, [place]);
        else known.push(place);
      }
      return id;
    },
  };
}

const digests = new WeakMap<readonly string[], Digest>();

/** Many RUNs share one list of variables, which may be long: its digest stands for it. */
export function listDigest(list: readonly string[]): Digest {
  const known = digests.get(list);
  if (known !== undefined) return known;
  const digest = sha256(JSON.stringify(list));
  digests.set(list, digest);
  return digest;
}

const withListDigest = (vertex: Vertex): object =>
  vertex.kind === 'exec' ? { ...vertex, env: listDigest(vertex.env) } : vertex;

/** JSON with sorted keys: the same description has the same bytes. */
export function canonical(value: unknown): string {
  return JSON.stringify(value, (_key, inner: unknown) =>
    typeof inner === 'object' && inner !== null && !Array.isArray(inner)
      ? Object.fromEntries(Object.entries(inner).sort(([a], [b]) => (a < b ? -1 : 1)))
      : inner,
  );
}
