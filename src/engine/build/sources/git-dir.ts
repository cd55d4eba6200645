import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { readdir, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { joinPath } from '../../../foundation/archive/byte-path.ts';
import { newFolder, type Tree, type TreeEntry, treeOver } from '../solve/files/tree.ts';
import type { Git } from './git-program.ts';

/** `.git` as a clone of this commit alone has it, without hooks. Only files that Git itself named are in it. */
export async function withGitDir(
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
