import { throwIfAborted } from '../../../../foundation/base/deadline.ts';
import { invalid } from '../../../../foundation/base/errors.ts';
import { createPace } from '../../../../foundation/base/pace.ts';
import { baseOf, parentOf, whiteoutPrefix } from '../../../../foundation/archive/byte-path.ts';
import { contentPadding, endOfArchive, formatMember } from '../../../../foundation/archive/tar-writer.ts';
import { displayName } from '../../../../foundation/archive/tar-limits.ts';
import type { RootView } from '../files/root-view.ts';
import { newFolder, type TreeEntry } from '../files/tree.ts';

/** Something that is put into a root. */
export interface Member {
  /** Where; its parents are no links. */
  path: string;
  entry: TreeEntry;
  /** Of a file. */
  content?: () => AsyncIterable<Buffer>;
  /** Names of one file: members of the same are hard links of the first. */
  identity?: object;
}

interface LayerOptions {
  /** What the layer lies on; none: nothing, whatever will be below it. */
  base: RootView | undefined;
  /** Of folders that have to be made for what is below them. */
  parent: { uid: number; gid: number; mtimeSec: number };
  signal: AbortSignal | undefined;
}

/**
 * The members as a layer, such as a commit would have found them: folders on the way keep the attributes that they have in the base. Kind `invalid` where a
 * directory would replace something else, or the other way round. The same members on the same base give the same bytes.
 */
export async function* layerOf(
  members: Iterable<Member>,
  { base, parent, signal }: LayerOptions,
): AsyncGenerator<Buffer> {
  const pace = createPace();
  const written = new Map<string, 'directory' | 'other'>();
  const absent = new Set<string>();
  const firstNames = new Map<object, string>();
  const identities = new Map<string, object>();
  const below = (path: string): TreeEntry | undefined => {
    if (!base || absent.has(parentOf(path))) return undefined;
    return base.find(path);
  };
  const madeFolder: TreeEntry = {
    ...newFolder,
    uid: parent.uid,
    gid: parent.gid,
    mtime: { sec: parent.mtimeSec, nsec: 0 },
  };
  /** The folders above, outermost first, that the layer does not have yet. */
  const folders = (path: string): Buffer[] => {
    const missing: string[] = [];
    let at = path;
    for (; !written.has(at); at = parentOf(at)) {
      missing.push(at);
      if (at === '') break;
    }
    if (written.get(at) === 'other') throw notFolder(at);
    return missing.reverse().map((folder) => {
      const known = folder === '' ? (base?.find('') ?? newFolder) : below(folder);
      if (known && known.type !== 'directory') throw notFolder(folder);
      if (!known) absent.add(folder);
      written.set(folder, 'directory');
      return header(folder, known ?? madeFolder);
    });
  };
  for (const { path, entry, content, identity } of members) {
    const turn = pace();
    if (turn) {
      await turn;
      throwIfAborted(signal, 'copying files');
    }
    const name = baseOf(path);
    if (name.startsWith(whiteoutPrefix))
      throw invalid(
        `${JSON.stringify(displayName(path))}: names that begin with ${whiteoutPrefix} mean deleted files in layers`,
        {
          code: 'whiteout-name',
          hint: 'rename the file, or leave it out with a .dockerignore',
        },
      );
    yield* folders(path === '' ? '' : parentOf(path));
    const before = written.get(path) ?? kindOf(below(path));
    if (entry.type === 'directory') {
      if (before === 'other') throw notFolder(path);
      if (before === undefined) absent.add(path);
      written.set(path, 'directory');
      yield header(path, entry);
      continue;
    }
    if (before === 'directory')
      throw invalid(`cannot replace the directory /${displayName(path)} with a file`, {
        code: 'replaces-directory',
      });
    written.set(path, 'other');
    // What stood there is replaced: no later name may be a link to it.
    const former = identities.get(path);
    if (former && former !== identity) firstNames.delete(former);
    const first = identity && firstNames.get(identity);
    if (first !== undefined && first !== path) {
      yield formatMember({
        ...entry,
        type: 'hardlink',
        name: path,
        linkName: first,
        size: 0,
        xattrs: new Map(),
      });
      continue;
    }
    if (identity) {
      firstNames.set(identity, path);
      identities.set(path, identity);
    }
    yield header(path, entry);
    if (entry.type !== 'file') continue;
    if (content) yield* content();
    yield contentPadding(entry.size);
  }
  if (written.size === 0) yield* folders('');
  yield endOfArchive;
}

function header(path: string, { xattrs, ...entry }: TreeEntry): Buffer {
  return formatMember({ ...entry, name: path === '' ? './' : path, ...(xattrs ? { xattrs } : {}) });
}

const kindOf = (entry: TreeEntry | undefined): 'directory' | 'other' | undefined =>
  entry && (entry.type === 'directory' ? 'directory' : 'other');

const notFolder = (path: string) =>
  invalid(`cannot copy to non-directory: /${displayName(path)}`, { code: 'replaces-file' });
