import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { appendFile, mkdir, mkdtemp, readdir, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { invalid } from '../../../foundation/base/errors.ts';
import { joinPath } from '../../../foundation/archive/byte-path.ts';
import { toBytes } from '../solve/select.ts';
import { newFolder, type Tree, type TreeEntry, treeOver } from '../solve/tree.ts';
import { readTree } from '../solve/read-tree.ts';
import { type GitAddress, parseGitAddress } from './addresses.ts';
import { createGit, type Git } from './git-program.ts';

/** A commit of a repository, found and not yet fetched. */
export interface GitCheckout {
  /** What the files are determined by: the commit, and what of it is wanted. */
  readonly identity: string;
  /** The files of the commit, with its time; submodules are empty folders. */
  tree(): Promise<Tree>;
}

export interface GitFetch {
  address: string;
  /** A commit, or the beginning of one, that it must be. */
  checksum?: string;
  keepGitDir: boolean;
  /** Bytes of a token for a host, when the client has one. */
  tokenOf?: ((id: string) => Promise<Uint8Array | undefined>) | undefined;
  signal: AbortSignal | undefined;
}

/** Asks the server which commit is meant. `directory` is an existing folder of the build. */
export async function findCommit(request: GitFetch, directory: string): Promise<GitCheckout> {
  const address = parseGitAddress(request.address);
  const folder = await mkdtemp(join(directory, 'git-'));
  const home = join(folder, 'home');
  await mkdir(home);
  const basic = address.credentials ?? (await tokenFor(address, request.tokenOf));
  const at = (path: string): Git =>
    createGit({
      directory: path,
      credentials: basic === undefined ? undefined : { url: address.url, basic },
      signal: request.signal,
    });
  const { commit, ref } = await resolve(at(home), address);
  const { checksum } = request;
  if (checksum !== undefined && !commit.startsWith(checksum.toLowerCase()))
    throw invalid(`expected checksum to match ${checksum}, got ${commit}`, {
      code: 'checksum-mismatch',
      hint: `the ref is not the commit that --checksum says`,
    });
  return {
    identity: `git ${commit} ${request.keepGitDir ? 'with' : 'without'} .git ${address.folder}`,
    tree: () =>
      readCommit(at, {
        ...address,
        commit,
        fetched: ref ?? commit,
        folder,
        ...request,
        path: address.folder,
      }),
  };
}

const isCommit = (text: string): boolean => /^(?:[0-9a-f]{40}|[0-9a-f]{64})$/.test(text);

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

interface Commit {
  url: string;
  commit: string;
  /** What is asked of the server: a ref, or the commit itself. */
  fetched: string;
  folder: string;
  path: string;
  keepGitDir: boolean;
  signal: AbortSignal | undefined;
}

async function readCommit(at: (path: string) => Git, want: Commit): Promise<Tree> {
  const { url, commit, fetched, path, signal } = want;
  const work = join(want.folder, 'work');
  await mkdir(work);
  const git = at(work);
  await git.text(['init', '--quiet', '--template=', '.']);
  await fetchCommit(git, url, { commit, fetched });
  // What the repository says of exports is for its releases; a checkout has all files.
  await mkdir(join(work, '.git', 'info'), { recursive: true });
  await appendFile(join(work, '.git', 'info', 'attributes'), '* -export-ignore -export-subst\n');
  const spool = {
    path: join(want.folder, 'files'),
    what: `the repository at ${commit.slice(0, 12)}`,
    signal,
  };
  const only = path === '' ? [] : ['--', path];
  const whole = await readTree(git.stream(['archive', '--format=tar', commit, ...only]), spool).catch(
    (error: unknown) => {
      if (path === '' || !/did not match any files/.test(String(error))) throw error;
      throw invalid(`the repository has no folder ${JSON.stringify(path)}`, { code: 'no-such-folder' });
    },
  );
  const top = toBytes(path);
  if (whole.get(top)?.type !== 'directory') {
    await whole[Symbol.asyncDispose]();
    throw invalid(`${JSON.stringify(path)} is no folder in the repository`, { code: 'no-such-folder' });
  }
  const tree = path === '' ? whole : subtree(whole, top);
  return want.keepGitDir ? await withGitDir(tree, { git, work, url, commit }) : { ...tree, isFetched: true };
}

/** Shallow where the server allows it. Servers may give refs alone: then all of them are fetched, and the commit must be among them. */
async function fetchCommit(
  git: Git,
  url: string,
  { commit, fetched }: { commit: string; fetched: string },
): Promise<void> {
  const fetch = [
    'fetch',
    '--quiet',
    '--no-tags',
    '--no-write-fetch-head',
    '--update-head-ok',
    '--no-recurse-submodules',
  ];
  const has = (): Promise<boolean> =>
    git.text(['cat-file', '-e', `${commit}^{commit}`]).then(
      () => true,
      () => false,
    );
  const shallow = [...fetch, '--depth=1', '--', url, `+${fetched}:refs/silo/fetched`];
  const failure = await git.text(shallow).then(
    () => undefined,
    (error: unknown) => ({ error }),
  );
  if (!failure && (await has())) return;
  await git
    .text([...fetch, '--', url, '+refs/heads/*:refs/silo/heads/*', '+refs/tags/*:refs/silo/tags/*'])
    .catch((error: unknown) => {
      throw failure ? failure.error : error;
    });
  if (await has()) return;
  throw invalid(`the repository ${url} has no commit ${commit}`, { code: 'no-such-commit' });
}

function subtree(tree: Tree, folder: string): Tree {
  const inside = (path: string): string => joinPath(folder, path).replace(/\/$/, '');
  return { ...tree, get: (path) => tree.get(inside(path)), names: (path) => tree.names(inside(path)) };
}

/** `.git` as a clone of this commit alone has it, without hooks. Only files that Git itself named are in it. */
async function withGitDir(
  tree: Tree,
  { git, work, url, commit }: { git: Git; work: string; url: string; commit: string },
): Promise<Tree> {
  await git.text(['update-ref', '--no-deref', 'HEAD', commit]);
  await git.text(['read-tree', commit]);
  await git.text(['config', 'remote.origin.url', url]);
  await git.text(['config', 'remote.origin.fetch', '+refs/heads/*:refs/remotes/origin/*']);
  const entries = new Map<string, TreeEntry>();
  const contents = new Map<TreeEntry, string>();
  const mtime = tree.get('')?.mtime ?? { sec: 0, nsec: 0 };
  const top = join(work, '.git');
  entries.set('.git', { ...newFolder, mtime });
  for (const found of await readdir(top, { recursive: true, withFileTypes: true })) {
    const path = join(found.parentPath, found.name);
    const name = `.git${path.slice(top.length)}`;
    if (name === '.git/info/attributes') continue;
    if (found.isDirectory()) entries.set(name, { ...newFolder, mtime });
    if (!found.isFile()) continue;
    const { size } = await stat(path);
    const digest = await hashOf(path);
    const entry: TreeEntry = { ...newFolder, type: 'file', mode: 0o644, mtime, size, digest };
    entries.set(name, entry);
    contents.set(entry, path);
  }
  const all = new Map<string, TreeEntry>([['', tree.get('') ?? newFolder]]);
  const copy = (folder: string): void => {
    for (const name of tree.names(folder)) {
      const path = joinPath(folder, name);
      const entry = tree.get(path);
      if (!entry) continue;
      all.set(path, entry);
      if (entry.type === 'directory') copy(path);
    }
  };
  copy('');
  for (const [path, entry] of entries) all.set(path, entry);
  const whole = await treeOver(all, {
    async *read(entry) {
      const path = contents.get(entry);
      if (path === undefined) yield* tree.read(entry);
      else for await (const piece of createReadStream(path)) yield piece as Buffer;
    },
    [Symbol.asyncDispose]: () => tree[Symbol.asyncDispose](),
  });
  return { ...whole, isFetched: true };
}

async function hashOf(path: string): Promise<string> {
  const hash = createHash('sha256');
  for await (const piece of createReadStream(path)) hash.update(piece as Buffer);
  return hash.digest('hex');
}

/** The client's secrets `GIT_AUTH_TOKEN.<host>` and `GIT_AUTH_TOKEN`, as BuildKit has them; over TLS alone. */
async function tokenFor({ url }: GitAddress, tokenOf: GitFetch['tokenOf']): Promise<string | undefined> {
  const { protocol, hostname } = new URL(url);
  if (protocol !== 'https:' || !tokenOf) return undefined;
  const token = (await tokenOf(`GIT_AUTH_TOKEN.${hostname}`)) ?? (await tokenOf('GIT_AUTH_TOKEN'));
  return token === undefined ? undefined : `x-access-token:${Buffer.from(token).toString('utf8').trim()}`;
}
