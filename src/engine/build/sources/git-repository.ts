import { lookup } from 'node:dns/promises';
import { appendFile, mkdir, mkdtemp } from 'node:fs/promises';
import { join } from 'node:path';
import { invalid, SiloError } from '../../../foundation/base/errors.ts';
import { isLoopbackHost, mayReach } from '../../../resources/distribution/trust.ts';
import { toBytes } from '../solve/files/select.ts';
import { readTree } from '../solve/files/read-tree.ts';
import type { Tree } from '../solve/files/tree.ts';
import { type GitRemote, isSameServer, parseSubmoduleAddress } from './git-address.ts';
import type { Git } from './git-program.ts';
import { listSubmodules, mostSubmodules, type Submodule, tooMany, withTrees } from './submodules.ts';

/** Git in a folder, with what the server at that address wants to see. `isNamed`: the build itself names the address, not a repository. */
export type Reach = (remote: GitRemote, options: { isNamed: boolean }) => Promise<(path: string) => Git>;

/** What of a repository is wanted. */
export interface WantedFiles {
  remote: GitRemote;
  commit: string;
  /** What is asked of the server: a ref, or the commit itself. */
  fetched: string;
  /** Of the build. */
  directory: string;
  /** The folder that is wanted. */
  path: string;
  submodules: boolean;
  signal: AbortSignal | undefined;
}

/** Repositories in repositories. */
const deepestSubmodules = 20;

export interface Nesting {
  depth: number;
  /** Submodules of the whole so far. */
  counted: { submodules: number };
}

/** The files of a commit, those of its submodules in their folders. */
export async function readRepository(
  reach: Reach,
  want: WantedFiles,
  nesting: Nesting,
): Promise<{ tree: Tree; git: Git; work: string }> {
  const { remote, commit, fetched, path, directory, signal } = want;
  const folder = await mkdtemp(join(directory, 'git-'));
  const work = join(folder, 'work');
  await mkdir(work);
  const git = (await reach(remote, { isNamed: nesting.depth === 0 }))(work);
  await git.text(['init', '--quiet', '--template=', '.']);
  await fetchCommit(git, remote.url, { commit, fetched });
  // What the repository says of exports is for its releases; a checkout has all files.
  await mkdir(join(work, '.git', 'info'), { recursive: true });
  await appendFile(join(work, '.git', 'info', 'attributes'), '* -export-ignore -export-subst\n');
  const submodules = want.submodules ? wantedOf(await listSubmodules(git, commit), toBytes(path)) : [];
  const isBelow = submodules.some((each) => isInside(toBytes(path), each.path));
  const only = path === '' || isBelow ? [] : ['--', path];
  const what = `the repository at ${commit.slice(0, 12)}`;
  const files = await readTree(git.stream(['archive', '--format=tar', commit, ...only]), {
    path: join(folder, 'files'),
    what,
    signal,
  }).catch((error: unknown) => {
    if (path === '' || !/did not match any files/.test(String(error))) throw error;
    throw invalid(`the repository has no folder ${JSON.stringify(path)}`, { code: 'no-such-folder' });
  });
  if (submodules.length === 0) return { tree: files, git, work };
  await using undo = new AsyncDisposableStack();
  undo.use(files);
  if (nesting.depth >= deepestSubmodules)
    throw invalid(`submodules in submodules, more than ${deepestSubmodules} deep`, {
      code: 'too-many-submodules',
    });
  const parts: { path: string; tree: Tree }[] = [];
  for (const each of submodules) {
    if (++nesting.counted.submodules > mostSubmodules) throw tooMany();
    const part = await readSubmodule(reach, want, each, nesting);
    parts.push({ path: each.path, tree: undo.use(part) });
  }
  const tree = await withTrees(files, parts);
  undo.move();
  return { tree, git, work };
}

/** Those that have a part in the folder. */
const wantedOf = (submodules: readonly Submodule[], folder: string): Submodule[] =>
  submodules.filter(({ path }) => isInside(path, folder) || isInside(folder, path));

const isInside = (path: string, folder: string): boolean =>
  folder === '' || path === folder || path.startsWith(`${folder}/`);

async function readSubmodule(
  reach: Reach,
  want: WantedFiles,
  { path, commit, url }: Submodule,
  nesting: Nesting,
): Promise<Tree> {
  const shown = Buffer.from(path, 'latin1').toString().slice(0, 200);
  try {
    const remote = parseSubmoduleAddress(url, want.remote);
    // What the build names may be anywhere, and so may what lies beside it; what a submodule names is looked at.
    if (nesting.depth > 0 || !isSameServer(remote, want.remote)) await mayFollow(remote, want.remote);
    const whole = { ...want, remote, commit, fetched: commit, path: '' };
    return (await readRepository(reach, whole, { ...nesting, depth: nesting.depth + 1 })).tree;
  } catch (error) {
    if (!(error instanceof SiloError) || error.kind === 'canceled') throw error;
    throw new SiloError(error.kind, `submodule ${JSON.stringify(shown)}: ${error.message}`, {
      code: error.code,
      hint: error.hint ?? 'leave submodules out: ?submodules=false',
      cause: error,
    });
  }
}

/** A repository may not name servers that only this machine reaches; the build's own address may (SSRF). */
async function mayFollow(remote: GitRemote, parent: GitRemote): Promise<void> {
  const reach = isLoopbackHost(parent.host) ? 'followed-locally' : 'followed';
  const host = remote.host.replace(/^\[|\]$/g, '');
  const addresses = await lookup(host, { all: true }).catch(() => []);
  if (isLoopbackHost(host) && reach === 'followed') throw reserved(host);
  if (addresses.some(({ address }) => !mayReach(address, reach))) throw reserved(host);
}

const reserved = (host: string) =>
  invalid(`the address of ${JSON.stringify(host.slice(0, 200))} is reserved for this machine`, {
    code: 'reserved-address',
  });

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
