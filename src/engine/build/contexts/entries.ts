import { components, parentOf } from '../../../foundation/archive/byte-path.ts';
import { displayName } from '../../../foundation/archive/tar-limits.ts';
import { invalid } from '../../../foundation/base/errors.ts';
import { newFolder, type TreeEntry } from '../solve/files/tree.ts';
import { treeLimits } from '../solve/files/read-tree.ts';
import type { FolderEntry } from './client-folder.ts';

/** The list of a folder becomes the entries of a tree. Nothing of it is believed: kind `invalid` for names, kinds and sums that cannot be. */
export interface EntryList {
  readonly entries: Map<string, TreeEntry>;
  /** Of files: where they stand in the client's list, and by what the client knows their content. */
  readonly files: readonly ListedFile[];
  add(entry: FolderEntry): void;
}

export interface ListedFile {
  place: number;
  path: string;
  facts: string;
  entry: TreeEntry;
}

export function createEntryList(what: string): EntryList {
  const entries = new Map<string, TreeEntry>([['', newFolder]]);
  const files: ListedFile[] = [];
  let place = 0;
  let total = 0;
  const refuse = (path: string, why: string) =>
    invalid(`${what}: ${JSON.stringify(displayName(path))} ${why}`, { code: 'bad-context' });

  const checkParents = (path: string): void => {
    const parent = parentOf(path);
    if (entries.get(parent)?.type === 'directory') return;
    let at = '';
    for (const part of components(parent)) {
      at = at === '' ? part : `${at}/${part}`;
      const known = entries.get(at);
      if (known === undefined) entries.set(at, newFolder);
      else if (known.type !== 'directory') throw refuse(path, 'lies below something that is no directory');
    }
  };

  return {
    entries,
    files,
    add({ path, type, mode, size, mtime, linkName, facts }) {
      if (entries.size > treeLimits.maxEntries)
        throw invalid(`${what} has more than ${treeLimits.maxEntries} files`, {
          code: 'bad-context',
          hint: 'leave out what the build does not need with a .dockerignore',
        });
      if (path.length > treeLimits.maxPathBytes || linkName.length > treeLimits.maxPathBytes)
        throw refuse(path, 'has a name or link that is too long');
      if (path === '' || path.split('/').some((part) => part === '' || part === '.' || part === '..'))
        throw refuse(path, 'is no path in the tree');
      if (entries.has(path)) throw refuse(path, 'is there twice');
      checkParents(path);
      total += size;
      if (total > treeLimits.maxTarBytes)
        throw refuse(path, `makes it larger than ${treeLimits.maxTarBytes} bytes`);
      const entry = { ...newFolder, type, mode: mode & 0o7777, size, mtime, linkName, digest: '' };
      entries.set(path, entry);
      if (type === 'file') files.push({ place, path, facts, entry });
      place++;
    },
  };
}
