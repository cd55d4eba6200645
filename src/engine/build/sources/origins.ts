import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { invalid } from '../../../foundation/base/errors.ts';
import type { ImageId } from '../../../foundation/oci/digest.ts';
import type { Vertex } from '../graph/vertex.ts';
import type { NamedContext } from '../language/stages/plan.ts';
import { openStageTree } from '../solve/files/stage-tree.ts';
import { type Tree, without } from '../solve/files/tree.ts';
import type { TreeOptions } from '../solve/files/read-tree.ts';
import type { BuildDeps, BuildRequest, ContextSource } from '../solve/types.ts';
import { fileNameOf, isGit, isWeb } from './addresses.ts';
import { findCommit, type GitCheckout } from './git-source.ts';
import { openSsh } from './ssh-access.ts';
import { contextOfFile, withoutIgnored } from './remote-context.ts';

/** Files that are no stage's. */
export type SourceVertex = Extract<Vertex, { kind: 'context' | 'http' | 'git' }>;

/** Where files come from that no step made. Each source is opened once a build, when somebody first wants it. */
export interface Origins extends AsyncDisposable {
  tree(vertex: SourceVertex): Promise<Tree>;
  /** What all its files are determined by, where that is known without them: a commit. */
  identity(vertex: SourceVertex): Promise<string | undefined>;
  /** The build's own context does not have these files for those who ask from here on. */
  leaveOut(paths: ReadonlySet<string>): Promise<void>;
  /** The files of an image, for reading. */
  stage(image: ImageId): Promise<Tree>;
}

export const isSource = (vertex: Vertex): vertex is SourceVertex =>
  vertex.kind === 'context' || vertex.kind === 'http' || vertex.kind === 'git';

interface OriginsOptions {
  deps: Pick<BuildDeps, 'images' | 'layers' | 'directory' | 'http' | 'runDirectory' | 'log'>;
  request: Pick<BuildRequest, 'context' | 'contexts' | 'client' | 'dockerfile' | 'noCache' | 'signal'>;
  /** For spooled files; removed with the build. */
  directory: string;
}

export function createOrigins({ deps, request, directory }: OriginsOptions): Origins {
  const { signal, noCache } = request;
  const opened = new Map<string, Promise<Tree>>();
  const commits = new Map<string, Promise<GitCheckout>>();
  let spools = 0;
  const place = (what: string): TreeOptions => {
    return { path: join(directory, `source-${spools++}`), what, signal };
  };

  let ssh: ReturnType<typeof openSsh> | undefined;
  const sshFor = (url: string): ReturnType<typeof openSsh> =>
    (ssh ??= openSsh(deps, request.client, { url, directory }));

  const commitOf = (vertex: SourceVertex & { kind: 'git' }): Promise<GitCheckout> => {
    const key = JSON.stringify(vertex);
    const { url, checksum, keepGitDir } = vertex;
    const known =
      commits.get(key) ??
      findCommit(
        {
          address: url,
          ...(checksum === undefined ? {} : { checksum }),
          keepGitDir,
          tokenOf: request.client?.secret,
          ssh: sshFor,
          signal,
        },
        directory,
      );
    commits.set(key, known);
    return known;
  };

  const openRemote = async (address: string, what: string): Promise<Tree> => {
    const git = address.startsWith('github.com/') ? `https://${address}` : address;
    if (isGit(git) || git !== address) {
      const { url, rest } = splitAddress(git);
      const named = url.endsWith('.git') || !isWeb(url) ? git : `${url}.git${rest}`;
      return await tree({ kind: 'git', url: named, keepGitDir: false });
    }
    if (!isWeb(address))
      throw invalid(`${JSON.stringify(address.slice(0, 200))} is no address of a context`, {
        code: 'bad-address',
        hint: 'write https://… of an archive, a Dockerfile or a repository (….git#branch:folder)',
      });
    const fetched = await tree({ kind: 'http', url: address });
    return await contextOfFile(fetched, fileNameOf(address), place(what));
  };

  const openContext = async (name: string | undefined): Promise<Tree> => {
    const source = name === undefined ? request.context : request.contexts?.get(name);
    const what = name === undefined ? 'the build context' : `the context ${name}`;
    if (source?.kind === 'files') return await source.open(place(what));
    if (source?.kind === 'remote')
      return {
        ...(await withoutIgnored(
          await openRemote(source.address, what),
          name === undefined ? request.dockerfile : 'Dockerfile',
        )),
        // What ADD takes from a context is local, wherever the context comes from.
        isFetched: false,
      };
    throw new TypeError(`a context of the kind ${source?.kind} is an image`);
  };

  const open = async (vertex: SourceVertex): Promise<Tree> => {
    await mkdir(directory, { recursive: true });
    if (vertex.kind === 'context') return await openContext(vertex.name);
    if (vertex.kind === 'git') return await (await commitOf(vertex)).tree();
    const { url, checksum } = vertex;
    return await deps.http.open(
      { url, ...(checksum === undefined ? {} : { checksum }), fresh: noCache, signal },
      place(url).path,
    );
  };

  const once = (key: string, make: () => Promise<Tree>): Promise<Tree> => {
    const known = opened.get(key) ?? make();
    opened.set(key, known);
    return known;
  };
  const tree = (vertex: SourceVertex): Promise<Tree> => once(JSON.stringify(vertex), () => open(vertex));

  return {
    tree,
    identity: async (vertex) => (vertex.kind === 'git' ? (await commitOf(vertex)).identity : undefined),
    async leaveOut(paths) {
      const context: SourceVertex = { kind: 'context' };
      const left = without(await tree(context), paths);
      opened.set(JSON.stringify(context), Promise.resolve(left));
    },
    stage: (image) => once(image, () => openStageTree(deps, image)),
    async [Symbol.asyncDispose]() {
      for (const each of await Promise.allSettled(opened.values()))
        if (each.status === 'fulfilled') await each.value[Symbol.asyncDispose]();
      const access = await ssh?.catch(() => undefined);
      await access?.[Symbol.asyncDispose]();
    },
  };
}

/** Query and fragment are the rest. */
function splitAddress(address: string): { url: string; rest: string } {
  const at = address.search(/[?#]/);
  return at < 0 ? { url: address, rest: '' } : { url: address.slice(0, at), rest: address.slice(at) };
}

const layoutScheme = 'oci-layout://';

/** The layout that a base means, which `namedContexts` put there. */
export function layoutOf(
  contexts: BuildRequest['contexts'],
  reference: string,
): Extract<ContextSource, { kind: 'layout' }> | undefined {
  if (!reference.startsWith(layoutScheme)) return undefined;
  const source = contexts?.get(reference.slice(layoutScheme.length));
  return source?.kind === 'layout' ? source : undefined;
}

/** What the names of contexts mean in a plan. */
export const namedContexts = (
  contexts: ReadonlyMap<string, ContextSource> | undefined,
): ReadonlyMap<string, NamedContext> =>
  new Map(
    [...(contexts ?? [])].map(([name, source]) => [
      name,
      source.kind === 'image' || source.kind === 'target'
        ? source
        : source.kind === 'layout'
          ? { kind: 'image', reference: `${layoutScheme}${name}` }
          : { kind: 'context', name },
    ]),
  );
