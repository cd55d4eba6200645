import { join } from 'node:path';
import { unsupported } from '../../../foundation/base/errors.ts';
import type { ImageId } from '../../../foundation/oci/digest.ts';
import type { Vertex } from '../graph/vertex.ts';
import type { NamedContext } from '../language/stages/plan.ts';
import { openStageTree } from '../solve/stage-tree.ts';
import type { BuildDeps, BuildRequest, ContextSource } from '../solve/types.ts';
import { type Tree, without } from '../solve/tree.ts';

/** Files that are no stage's. */
export type SourceVertex = Extract<Vertex, { kind: 'context' | 'http' | 'git' }>;

/** Where files come from that no step made. Each source is opened once a build, when somebody first wants it. */
export interface Origins extends AsyncDisposable {
  tree(vertex: SourceVertex): Promise<Tree>;
  /** The build's own context does not have these files for those who ask from here on. */
  leaveOut(paths: ReadonlySet<string>): Promise<void>;
  /** The files of an image, for reading. */
  stage(image: ImageId): Promise<Tree>;
}

export const isSource = (vertex: Vertex): vertex is SourceVertex =>
  vertex.kind === 'context' || vertex.kind === 'http' || vertex.kind === 'git';

interface OriginsOptions {
  deps: Pick<BuildDeps, 'images' | 'layers' | 'directory'>;
  request: Pick<BuildRequest, 'context' | 'contexts' | 'signal'>;
  /** For spooled files; removed with the build. */
  directory: string;
}

export function createOrigins({ deps, request, directory }: OriginsOptions): Origins {
  const opened = new Map<string, Promise<Tree>>();
  const open = (vertex: SourceVertex): Promise<Tree> => {
    const spool = {
      path: join(directory, `source-${opened.size}`),
      what: 'the build context',
      signal: request.signal,
    };
    if (vertex.kind !== 'context') return Promise.reject(notYet(vertex.url));
    const source = vertex.name === undefined ? request.context : request.contexts?.get(vertex.name);
    if (source?.kind === 'files')
      return source.open(
        vertex.name === undefined ? spool : { ...spool, what: `the context ${vertex.name}` },
      );
    return Promise.reject(notYet(`a context of the kind ${source?.kind}`));
  };
  const once = (key: string, make: () => Promise<Tree>): Promise<Tree> => {
    const tree = opened.get(key) ?? make();
    opened.set(key, tree);
    return tree;
  };
  return {
    tree(vertex) {
      return once(JSON.stringify(vertex), () => open(vertex));
    },
    async leaveOut(paths) {
      const context: SourceVertex = { kind: 'context' };
      const tree = without(await once(JSON.stringify(context), () => open(context)), paths);
      opened.set(JSON.stringify(context), Promise.resolve(tree));
    },
    stage: (image) => once(image, () => openStageTree(deps, image)),
    async [Symbol.asyncDispose]() {
      for (const tree of await Promise.allSettled(opened.values()))
        if (tree.status === 'fulfilled') await tree.value[Symbol.asyncDispose]();
    },
  };
}

/** What the names of contexts mean in a plan. */
export const namedContexts = (
  contexts: ReadonlyMap<string, ContextSource> | undefined,
): ReadonlyMap<string, NamedContext> =>
  new Map(
    [...(contexts ?? [])].map(([name, source]) => [
      name,
      source.kind === 'image' || source.kind === 'target' ? source : { kind: 'context', name },
    ]),
  );

const notYet = (what: string) =>
  unsupported(`${what.slice(0, 200)} is not supported yet`, { code: 'build-unsupported' });
