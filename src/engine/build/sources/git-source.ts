import { mkdtemp } from 'node:fs/promises';
import { join } from 'node:path';
import { invalid } from '../../../foundation/base/errors.ts';
import { joinPath } from '../../../foundation/archive/byte-path.ts';
import { toBytes } from '../solve/files/select.ts';
import type { Tree } from '../solve/files/tree.ts';
import { type GitAddress, type GitRemote, isCommit, isSameServer, parseGitAddress } from './git-address.ts';
import { withGitDir } from './git-dir.ts';
import { createGit, type Git, type SshAccess } from './git-program.ts';
import { type Reach, readRepository, type WantedFiles } from './git-repository.ts';

/** A commit of a repository, found and not yet fetched. */
export interface GitCheckout {
  /** What the files are determined by: the commit, and what of it is wanted. */
  readonly identity: string;
  /** The files of the commit, with its time. */
  tree(): Promise<Tree>;
}

export interface GitFetch {
  address: string;
  /** A commit, or the beginning of one, that it must be. */
  checksum?: string;
  keepGitDir: boolean;
  /** Bytes of a token for a host, when the client has one. */
  tokenOf?: ((id: string) => Promise<Uint8Array | undefined>) | undefined;
  /** For repositories over SSH. Fails when the client has no agent for it. */
  ssh: (url: string) => Promise<SshAccess>;
  signal: AbortSignal | undefined;
}

/** Asks the server which commit is meant. `directory` is an existing folder of the build. */
export async function findCommit(request: GitFetch, directory: string): Promise<GitCheckout> {
  const address = parseGitAddress(request.address);
  const reach = createReach(request, address);
  const home = await mkdtemp(join(directory, 'git-'));
  const { commit, ref } = await resolve((await reach(address, { isNamed: true }))(home), address);
  for (const checksum of [request.checksum, address.commit])
    if (checksum !== undefined && !commit.startsWith(checksum.toLowerCase()))
      throw invalid(`expected checksum to match ${checksum}, got ${commit}`, {
        code: 'checksum-mismatch',
        hint: `the ref is not the commit that is asked for`,
      });
  const keepGitDir = request.keepGitDir || address.keepGitDir;
  const flags = [keepGitDir ? 'with' : 'without', '.git', address.submodules ? 'whole' : 'alone'];
  // The folder `.git` tells where the repository is.
  if (keepGitDir) flags.push('of', address.url);
  return {
    identity: `git ${commit} ${flags.join(' ')} ${address.folder}`,
    tree: () =>
      readCommit(reach, keepGitDir, {
        remote: address,
        commit,
        fetched: ref ?? commit,
        directory,
        path: address.folder,
        submodules: address.submodules,
        signal: request.signal,
      }),
  };
}

function createReach({ tokenOf, ssh, signal }: GitFetch, main: GitRemote): Reach {
  return async (remote, { isNamed }) => {
    const { url, transport } = remote;
    // A token that is for no host in particular goes to the one that the build names, not to those that its repository names.
    const basic = remote.credentials ?? (await tokenFor(remote, isSameServer(remote, main), tokenOf));
    const access = transport === 'ssh' ? await ssh(url) : undefined;
    return (path) =>
      createGit({
        directory: path,
        credentials: basic === undefined ? undefined : { url, basic },
        mayRedirect: isNamed,
        ssh: access,
        signal,
      });
  };
}

/** As git-checkout, a branch before a tag of the same name; an annotated tag is the commit that it tags. */
async function resolve(git: Git, { url, ref }: GitAddress): Promise<{ commit: string; ref?: string }> {
  if (ref !== undefined && isCommit(ref)) return { commit: ref };
  const candidates =
    ref === undefined
      ? ['HEAD']
      : ref.startsWith('refs/')
        ? [ref]
        : [`refs/heads/${ref}`, `refs/tags/${ref}`];
  const lines = await git.text([
    'ls-remote',
    '--quiet',
    '--',
    url,
    ...candidates.flatMap((name) => [name, `${name}^{}`]),
  ]);
  const found = new Map(
    lines.split('\n').flatMap((line): [string, string][] => {
      const [hash = '', name = ''] = line.split('\t');
      return isCommit(hash) ? [[name, hash]] : [];
    }),
  );
  for (const name of candidates) {
    const commit = found.get(`${name}^{}`) ?? found.get(name);
    if (commit !== undefined) return { commit, ref: name };
  }
  throw invalid(`the repository ${url} has no ref ${JSON.stringify((ref ?? 'HEAD').slice(0, 100))}`, {
    code: 'no-such-ref',
    hint: 'name a branch, a tag, or a whole commit',
  });
}

async function readCommit(reach: Reach, keepGitDir: boolean, want: WantedFiles): Promise<Tree> {
  const { path, remote, commit } = want;
  const nesting = { depth: 0, counted: { submodules: 0 } };
  const { tree: whole, git, work } = await readRepository(reach, want, nesting);
  const top = toBytes(path);
  if (whole.get(top)?.type !== 'directory') {
    await whole[Symbol.asyncDispose]();
    throw invalid(`${JSON.stringify(path)} is no folder in the repository`, { code: 'no-such-folder' });
  }
  const tree = path === '' ? whole : subtree(whole, top);
  return keepGitDir
    ? await withGitDir(tree, { git, work, url: remote.url, commit })
    : { ...tree, isFetched: true };
}

function subtree(tree: Tree, folder: string): Tree {
  const inside = (path: string): string => joinPath(folder, path).replace(/\/$/, '');
  return { ...tree, get: (path) => tree.get(inside(path)), names: (path) => tree.names(inside(path)) };
}

/** The client's secrets `GIT_AUTH_TOKEN.<host>` and `GIT_AUTH_TOKEN`, as BuildKit has them; over TLS alone. */
async function tokenFor(
  { transport, host }: GitRemote,
  isMain: boolean,
  tokenOf: GitFetch['tokenOf'],
): Promise<string | undefined> {
  if (transport !== 'https' || !tokenOf) return undefined;
  const own = await tokenOf(`GIT_AUTH_TOKEN.${host}`);
  const token = own ?? (isMain ? await tokenOf('GIT_AUTH_TOKEN') : undefined);
  return token === undefined ? undefined : `x-access-token:${Buffer.from(token).toString('utf8').trim()}`;
}
