import {
  contentPadding,
  endOfArchive,
  formatMember,
  type TarMember,
} from '../../../foundation/archive/tar-writer.ts';

/** A small root file system described in memory. */
export type TreeEntry =
  | { type: 'directory'; path: string; mode?: number }
  | { type: 'file'; path: string; mode?: number; content: Uint8Array }
  | { type: 'hardlink'; path: string; target: string }
  | { type: 'symlink'; path: string; target: string };

/** Tar of the tree: sorted by path (hard links after everything, so that their targets are there), one time, owned by root. */
export function* treeToTar(entries: readonly TreeEntry[], epochSeconds: number): Generator<Uint8Array> {
  for (const entry of entries.toSorted(order)) {
    yield formatMember(toMember(entry, epochSeconds));
    if (entry.type === 'file') {
      yield entry.content;
      yield contentPadding(entry.content.byteLength);
    }
  }
  yield endOfArchive;
}

function order(a: TreeEntry, b: TreeEntry): number {
  const late = Number(a.type === 'hardlink') - Number(b.type === 'hardlink');
  return late || (a.path < b.path ? -1 : 1);
}

function toMember(entry: TreeEntry, epochSeconds: number): TarMember {
  const common = {
    type: entry.type,
    name: entry.path,
    uid: 0,
    gid: 0,
    mtime: { sec: epochSeconds, nsec: 0 },
  };
  switch (entry.type) {
    case 'directory':
      return { ...common, mode: entry.mode ?? 0o755 };
    case 'file':
      return { ...common, mode: entry.mode ?? 0o644, size: entry.content.byteLength };
    case 'hardlink':
      return { ...common, mode: 0o755, linkName: entry.target };
    case 'symlink':
      return { ...common, mode: 0o777, linkName: entry.target };
  }
}
