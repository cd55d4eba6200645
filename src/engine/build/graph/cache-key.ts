import { sha256 } from '../../../foundation/oci/digest.ts';
import type { Digest } from '../../../foundation/oci/digest.ts';
import { canonical, listDigest } from './graph.ts';
import type { CopyVertex, ExecMount, Vertex, VertexId } from './vertex.ts';

/** One thing that a vertex's result depends on, besides its own definition. */
export type KeyPart =
  /** The key of the input itself: all that went into it. */
  | { kind: 'key'; input: VertexId }
  /** Content, modes and owners of some paths of the input (never times), whatever way they came about. */
  | { kind: 'content'; input: VertexId; paths: readonly string[]; exclude: readonly string[] }
  /** What a name stands for when the build starts: an image's manifest, a commit, an answer's validators. */
  | { kind: 'resolved'; name: string };

export interface CacheKey {
  /** What is done, without where its inputs come from. */
  definition: Digest;
  parts: readonly KeyPart[];
}

/**
 * What the result of a vertex depends on. The solver turns it into a key: the digest of the definition and of the value of each part.
 * Secrets, SSH agents and the state of cache mounts are no part of it.
 */
export function cacheKey(vertex: Vertex): CacheKey {
  switch (vertex.kind) {
    case 'scratch':
      return keyOf(vertex, []);
    case 'image':
      return keyOf({ kind: vertex.kind }, [
        { kind: 'resolved', name: `${vertex.reference} ${vertex.platform}` },
      ]);
    case 'context':
      return keyOf({ kind: vertex.kind }, [{ kind: 'resolved', name: `context ${vertex.name ?? ''}` }]);
    case 'http':
      return vertex.checksum === undefined
        ? keyOf({ kind: vertex.kind }, [{ kind: 'resolved', name: vertex.url }])
        : keyOf({ kind: vertex.kind, checksum: vertex.checksum }, []);
    case 'git':
      return keyOf({ kind: vertex.kind, keepGitDir: vertex.keepGitDir }, [
        { kind: 'resolved', name: vertex.url },
      ]);
    case 'folder':
    case 'meta':
    case 'squash': {
      const { root, ...definition } = vertex;
      return keyOf(definition, [{ kind: 'key', input: root }]);
    }
    case 'exec': {
      const { root, mounts, ...definition } = vertex;
      return keyOf({ ...definition, env: listDigest(definition.env), mounts: mounts.map(mountDefinition) }, [
        { kind: 'key', input: root },
        ...mounts.flatMap(mountPart),
      ]);
    }
    case 'copy':
      return copyKey(vertex);
  }
}

function copyKey({ root, sources, ...definition }: CopyVertex): CacheKey {
  const { exclude } = definition;
  const parts = sources.map(({ input, path }): KeyPart => ({
    kind: 'content',
    input,
    paths: [path],
    exclude,
  }));
  return keyOf({ ...definition, sources: sources.map(({ path }) => path) }, [
    { kind: 'key', input: root },
    ...parts,
  ]);
}

/** What of a mount belongs to the definition: the way it looks to the program, not what is secret in it. */
function mountDefinition(whole: ExecMount): object {
  const { input: _, ...mount } = whole;
  if (mount.type === 'secret' || mount.type === 'ssh') {
    const { type, id, required } = mount;
    return { type, id, required, target: mount.target, env: mount.type === 'secret' ? mount.env : undefined };
  }
  return mount;
}

/** Of a bind mount only what is mounted counts. */
function mountPart(mount: ExecMount): KeyPart[] {
  if (mount.input === undefined) return [];
  const path = mount.type === 'bind' || mount.type === 'cache' ? mount.source : '/';
  return [{ kind: 'content', input: mount.input, paths: [literal(path)], exclude: [] }];
}

/** A path in which nothing is a pattern. */
export const literal = (path: string): string => path.replace(/[*?[\\]/g, '\\$&');

const keyOf = (definition: object, parts: readonly KeyPart[]): CacheKey => ({
  definition: sha256(canonical(definition)),
  parts,
});
