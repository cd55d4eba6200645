import type { ImageId } from '../../../../foundation/oci/digest.ts';
import { parsePlatform } from '../../../../foundation/oci/platform.ts';
import type { CacheView } from '../../cache-transfer/view.ts';
import type { Vertex } from '../../graph/vertex.ts';
import type { Source } from './copy-members.ts';
import { rootOfTree, runCopy, runFolder } from './copy-step.ts';
import { type ExecStep, runExec } from './exec-step.ts';
import { wholeHistory } from '../history.ts';
import type { Slot } from '../schedule/slots.ts';
import { squash } from './squash.ts';
import type { Tree } from '../files/tree.ts';
import type { BuildDeps, BuildRequest, StepDeps, StepReport } from '../types.ts';

/** A vertex with what it stands on. */
export interface Ready {
  vertex: Vertex;
  base?: ImageId;
  tree?: Tree;
  sources?: readonly Source[];
}

export interface How {
  title: string;
  mayUseCache: boolean;
  report: StepReport;
  aside: Slot['aside'];
  signal: AbortSignal;
}

interface Work extends How, Pick<ExecStep, 'filesOf'> {
  request: BuildRequest;
  cache: CacheView;
  salt: string;
  epochMs: number | undefined;
  imageOf: (reference: string, platform: string) => Promise<ImageId>;
}

/** The image that a vertex comes to, made anew. */
export async function runVertex(deps: StepDeps, ready: Ready, work: Work): Promise<ImageId> {
  const { title, report, signal, request, epochMs, filesOf } = work;
  const { vertex } = ready;
  switch (vertex.kind) {
    case 'scratch': {
      const platform = parsePlatform(vertex.platform);
      const image = await deps.images.compose({ run: {}, platform, createdAtMs: 0, keepsHistory: true });
      return image.id;
    }
    case 'image':
      return await bareImage(deps, baseOf(ready), signal);
    case 'exec':
      return await runExec(deps, request, {
        vertex,
        base: baseOf(ready),
        title,
        report,
        aside: work.aside,
        signal,
        filesOf,
      });
    case 'folder': {
      const { path, user } = vertex;
      return await runFolder(deps, { path, user, base: baseOf(ready), title, signal });
    }
    case 'copy': {
      const { sources = [] } = ready;
      const found = work.mayUseCache ? { cache: work.cache } : {};
      return await runCopy(deps, {
        vertex,
        sources,
        base: baseOf(ready),
        ...found,
        salt: work.salt,
        title,
        signal,
      });
    }
    case 'meta': {
      const base = baseOf(ready);
      const atMs = epochMs ?? deps.now();
      const { history: steps = [] } = deps.images.resolve(base).config;
      const image = await deps.images.compose({
        base,
        run: vertex.config,
        createdAtMs: atMs,
        history: wholeHistory(vertex.history, { steps, atMs, isFixed: epochMs !== undefined }),
        signal,
      });
      return image.id;
    }
    case 'squash': {
      const { base: from } = vertex;
      const parent = from && ('name' in from ? from.name : await work.imageOf(from.reference, from.platform));
      const atMs = epochMs ?? deps.now();
      return await squash(deps, { whole: baseOf(ready), own: vertex.own, parent, atMs, signal });
    }
    case 'context':
    case 'http':
    case 'git':
      return await rootOfTree(deps, { tree: treeOf(ready), title: `FROM ${vertex.kind}`, signal });
  }
}

function baseOf({ base }: Ready): ImageId {
  if (base === undefined) throw new TypeError('a step stands on an image');
  return base;
}

function treeOf({ tree }: Ready): Tree {
  if (tree === undefined) throw new TypeError('a source has files');
  return tree;
}

/** The same layers without any configuration, for steps to stand on. */
async function bareImage(deps: BuildDeps, id: ImageId, signal: AbortSignal): Promise<ImageId> {
  const found = deps.images.resolve(id);
  const base = found.form === 'unpacked' ? found : await deps.images.unpack(id, signal);
  const image = await deps.images.compose({
    base: base.id,
    run: {},
    mayBeLost: true,
    createdAtMs: base.createdAtMs,
    keepsHistory: true,
    signal,
  });
  return image.id;
}
