import type { Digest } from '../../../foundation/oci/digest.ts';
import type { ImageRunConfig } from '../../../foundation/oci/image-config.ts';
import type { Mount } from '../language/mount.ts';
import type { HistoryItem } from './history-item.ts';
import type { Span } from '../language/text/span.ts';

/** The digest of a vertex's description, the ids of its inputs included: equal ids are equal work. */
export type VertexId = Digest;

/** One piece of work. Nothing here says how it is done; `cacheKey` says what its result depends on. */
export type Vertex =
  /** The empty root. */
  | { kind: 'scratch'; platform: string }
  /** The root of an image. */
  | { kind: 'image'; reference: string; platform: string }
  /** Files of the client: the build's own context (no name), or a named one. */
  | { kind: 'context'; name?: string }
  /** A file from the network. */
  | { kind: 'http'; url: string; checksum?: string }
  | { kind: 'git'; url: string; checksum?: string; keepGitDir: boolean }
  | ExecVertex
  | CopyVertex
  /** A folder that WORKDIR wants; where it has to be made it is that user's. */
  | { kind: 'folder'; root: VertexId; path: string; user?: string }
  /** What a stage ends with: its root and the configuration of its image. */
  | { kind: 'meta'; root: VertexId; config: ImageRunConfig; history: readonly HistoryItem[] }
  | SquashVertex;

/** The image of a `meta`, with one layer in place of those that the target's stage made. */
export interface SquashVertex {
  kind: 'squash';
  root: VertexId;
  /** How many entries of the history are the stage's own. */
  own: number;
  /** What the stage starts from: an image, something of this build by its name, or nothing. */
  base: { reference: string; platform: string } | { name: string } | undefined;
}

export interface ExecVertex {
  kind: 'exec';
  root: VertexId;
  args: readonly string[];
  env: readonly string[];
  cwd: string;
  user: string;
  network: string;
  security: string;
  devices: readonly string[];
  mounts: readonly ExecMount[];
  /** The program of a here-document that brings its own interpreter; it is to be where the first argument says. */
  script?: string;
}

/** A mount, with the vertex that its files come from. */
export type ExecMount = Mount & { input?: VertexId };

export interface CopyVertex {
  kind: 'copy';
  root: VertexId;
  /** Where the sources come from, one for each. */
  sources: readonly { input: VertexId; path: string }[];
  /** Files that the Dockerfile itself holds. */
  contents: readonly { name: string; data: string }[];
  destination: string;
  chown?: string;
  chmod?: string;
  link: boolean;
  parents: boolean;
  exclude: readonly string[];
  /** Whether archives are unpacked: always, never, or when they are local. */
  unpack: 'never' | 'local' | 'always';
}

/** Where a vertex comes from, for progress and errors; no part of its id. */
export interface VertexPlace {
  stage: number;
  /** The base image's ONBUILD wants it: `span` is of no file. */
  isTrigger: boolean;
  span: Span;
  /** As history and progress show it. */
  title: string;
}

/** Ids of the vertices that must be done before, in order, each once. */
export function inputsOf(vertex: Vertex): VertexId[] {
  switch (vertex.kind) {
    case 'scratch':
    case 'image':
    case 'context':
    case 'http':
    case 'git':
      return [];
    case 'folder':
    case 'meta':
    case 'squash':
      return [vertex.root];
    case 'exec':
      return unique([
        vertex.root,
        ...vertex.mounts.flatMap(({ input }) => (input === undefined ? [] : [input])),
      ]);
    case 'copy':
      return unique([vertex.root, ...vertex.sources.map(({ input }) => input)]);
  }
}

const unique = <Item>(list: readonly Item[]): Item[] => [...new Set(list)];
