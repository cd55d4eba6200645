import { invalid } from '../../../foundation/base/errors.ts';
import { joinPath } from '../../../foundation/archive/byte-path.ts';
import { treeLimits } from '../solve/files/read-tree.ts';
import { newFolder, type Tree, type TreeEntry, treeOver } from '../solve/files/tree.ts';
import { isCommit, isFolderName } from './git-address.ts';
import type { Git } from './git-program.ts';

/** Another repository, a commit of which belongs into a folder of this one. */
export interface Submodule {
  /** One character a byte. */
  path: string;
  commit: string;
  /** As the repository writes it. */
  url: string;
}

const mostFileBytes = 1 << 20;
/** Of one build's repository, whatever they hold themselves. */
export const mostSubmodules = 500;

/**
 * Those of a commit that it also says an address of. What `.gitmodules` says of names, branches and commands counts for nothing: the commit says what is where,
 * and no name becomes a path (gitmodules(5)).
 */
export async function listSubmodules(git: Git, commit: string): Promise<Submodule[]> {
  const urls = await readUrls(git, commit);
  if (urls.size === 0) return [];
  const found: Submodule[] = [];
  for await (const { mode, hash, path } of listTree(git, ['-r', commit])) {
    const url = mode === '160000' ? urls.get(path) : undefined;
    if (url === undefined) continue;
    if (!path.split('/').every(isFolderName) || !isCommit(hash))
      throw invalid(`the repository has a submodule at ${JSON.stringify(path.slice(0, 200))}`, {
        code: 'bad-submodule',
      });
    found.push({ path, commit: hash, url });
    if (found.length > mostSubmodules) throw tooMany();
  }
  return found;
}

export const tooMany = () =>
  invalid(`the repository has more than ${mostSubmodules} submodules`, {
    code: 'too-many-submodules',
    hint: 'leave them out: ?submodules=false',
  });

/** Addresses by path. */
async function readUrls(git: Git, commit: string): Promise<Map<string, string>> {
  const urls = new Map<string, string>();
  let blob: string | undefined;
  for await (const { mode, hash, path } of listTree(git, [commit, '.gitmodules'])) {
    if (path !== '.gitmodules') continue;
    // A link would let the file be what another name holds (CVE-2021-21300 and its kin).
    if (!/^100(644|755)$/.test(mode) || !isCommit(hash))
      throw invalid('.gitmodules of the repository is no plain file', { code: 'bad-submodule' });
    blob = hash;
  }
  if (blob === undefined) return urls;
  if (Number(await git.text(['cat-file', '-s', blob])) > mostFileBytes)
    throw invalid(`.gitmodules of the repository is larger than ${mostFileBytes} bytes`, {
      code: 'bad-submodule',
    });
  const text = await git.text(['config', '--no-includes', '-z', '--blob', blob, '--list']);
  const modules = new Map<string, { path?: string; url?: string }>();
  for (const entry of text.split('\0')) {
    const [key = '', value = ''] = entry.split(/\n(.*)/s);
    const [, name = '', word] = /^submodule\.(.*)\.(path|url)$/s.exec(key) ?? [];
    if (word === 'path' || word === 'url') modules.set(name, { ...modules.get(name), [word]: value });
  }
  for (const { path, url } of modules.values())
    if (path !== undefined && url !== undefined)
      urls.set(Buffer.from(path).toString('latin1').replace(/\/+$/, ''), url);
  return urls;
}

/** What ls-tree(1) says of each entry, as it comes. */
async function* listTree(
  git: Git,
  args: readonly string[],
): AsyncGenerator<{ mode: string; hash: string; path: string }> {
  let rest = '';
  for await (const piece of git.stream(['ls-tree', '-z', '--full-tree', ...args])) {
    const entries = (rest + piece.toString('latin1')).split('\0');
    rest = entries.pop() ?? '';
    for (const entry of entries) {
      const [, mode = '', hash = '', path = ''] = /^(\d{6}) \w+ ([\da-f]+)\t(.*)$/s.exec(entry) ?? [];
      if (path !== '') yield { mode, hash, path };
    }
  }
}

/** The tree with others in folders of it; all of them end with it. */
export async function withTrees(tree: Tree, parts: readonly { path: string; tree: Tree }[]): Promise<Tree> {
  const entries = new Map<string, TreeEntry>();
  const owners = new Map<TreeEntry, Tree>();
  const add = (from: Tree, below: string): void => {
    const walk = (folder: string): void => {
      for (const name of from.names(folder)) {
        const path = joinPath(folder, name);
        const entry = from.get(path);
        if (!entry) continue;
        entries.set(joinPath(below, path), entry);
        if (entries.size > treeLimits.maxEntries)
          throw invalid('the repository and its submodules have too many files', { code: 'bad-context' });
        if (entry.type === 'directory') walk(path);
        else owners.set(entry, from);
      }
    };
    walk('');
  };
  const top = tree.get('');
  if (top) entries.set('', top);
  add(tree, '');
  for (const { path, tree: part } of parts) {
    if (entries.get(path)?.type !== 'directory' || tree.names(path).length > 0)
      throw invalid(
        `the repository has no empty folder for the submodule ${JSON.stringify(path.slice(0, 200))}`,
        {
          code: 'bad-submodule',
        },
      );
    entries.set(path, part.get('') ?? newFolder);
    add(part, path);
  }
  const { isFetched } = tree;
  const whole = await treeOver(entries, {
    read: (entry) => (owners.get(entry) ?? tree).read(entry),
    async [Symbol.asyncDispose]() {
      for (const each of [tree, ...parts.map((part) => part.tree)]) await each[Symbol.asyncDispose]();
    },
  });
  return { ...whole, ...(isFetched === undefined ? {} : { isFetched }) };
}
