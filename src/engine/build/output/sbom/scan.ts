import { createPace } from '../../../../foundation/base/pace.ts';
import { throwIfAborted } from '../../../../foundation/base/deadline.ts';
import { readWhole, type Tree } from '../../solve/files/tree.ts';
import { type Distribution, readApk, readDistribution, readDpkg } from './databases.ts';
import { readNpmLock, readNpmPackage, readPython } from './languages.ts';
import type { FoundPackage } from './package.ts';

export interface Inventory {
  distribution: Distribution;
  packages: readonly FoundPackage[];
  /** Something was too large or too much, and is not in it. */
  isCut: boolean;
}

const limits = {
  databaseBytes: 64 << 20,
  lockBytes: 32 << 20,
  smallBytes: 1 << 20,
  packages: 50_000,
  entries: 2_000_000,
};

/**
 * Packages that the files of an image tell of: Debian's and Alpine's databases, npm's lock files and installed packages, Python's dist-info. Nothing of it is
 * run, no link is followed, and whatever is too large is left out.
 */
export async function scanPackages(tree: Tree, signal: AbortSignal | undefined): Promise<Inventory> {
  const found = new Map<string, FoundPackage>();
  let isCut = false;
  const add = (packages: Iterable<FoundPackage>): void => {
    for (const each of packages) {
      if (found.size >= limits.packages) {
        isCut = true;
        return;
      }
      if (!found.has(each.purl)) found.set(each.purl, each);
    }
  };
  const text = async (path: string, most: number): Promise<string | undefined> => {
    const entry = tree.get(path);
    if (entry?.type !== 'file') return undefined;
    if (entry.size > most) {
      isCut = true;
      return undefined;
    }
    return (await readWhole(tree, entry)).toString('utf8');
  };
  const isFolder = (path: string): boolean => tree.get(path)?.type === 'directory';

  const release =
    (await text('usr/lib/os-release', limits.smallBytes)) ??
    (await text('etc/os-release', limits.smallBytes));
  const distribution = readDistribution(release ?? '');
  const dpkg = 'var/lib/dpkg';
  const statuses = isFolder(`${dpkg}/status.d`)
    ? tree.names(`${dpkg}/status.d`).filter((name) => !name.endsWith('.md5sums'))
    : [];
  for (const path of [`${dpkg}/status`, ...statuses.map((name) => `${dpkg}/status.d/${name}`)]) {
    const status = await text(path, limits.databaseBytes);
    if (status !== undefined) add(readDpkg(status, path, distribution));
  }
  for (const path of ['lib/apk/db/installed', 'usr/lib/apk/db/installed']) {
    const installed = await text(path, limits.databaseBytes);
    if (installed !== undefined) add(readApk(installed, path, distribution));
  }

  const pace = createPace();
  const waiting = [''];
  let seen = 0;
  for (let folder = waiting.pop(); folder !== undefined; folder = waiting.pop()) {
    throwIfAborted(signal, 'the build');
    const parent = folder.split('/').at(-1) ?? '';
    for (const name of tree.names(folder)) {
      const turn = pace();
      if (turn) await turn;
      if (++seen > limits.entries) return { distribution, packages: [...found.values()], isCut: true };
      const path = folder === '' ? name : `${folder}/${name}`;
      const read = readerOf(name, parent, folder);
      if (read) {
        const content = await text(path, read.most);
        if (content !== undefined) add(read.packages(content, path));
      } else if (isFolder(path)) waiting.push(path);
    }
  }
  return { distribution, packages: [...found.values()], isCut };
}

interface FileReader {
  most: number;
  packages: (text: string, path: string) => Iterable<FoundPackage>;
}

/** What a file with this name, in this folder, may tell. */
function readerOf(name: string, parent: string, folder: string): FileReader | undefined {
  if (name === 'package-lock.json' || name === '.package-lock.json')
    return { most: limits.lockBytes, packages: readNpmLock };
  if (name === 'package.json' && /(?:^|\/)node_modules\/(?:@[^/]+\/)?[^/]+$/.test(folder))
    return { most: limits.smallBytes, packages: readNpmPackage };
  if (name === 'METADATA' && parent.endsWith('.dist-info'))
    return { most: limits.smallBytes, packages: readPython };
  return undefined;
}
