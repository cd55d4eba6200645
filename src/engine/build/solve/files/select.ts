import { components, joinPath, parentOf, baseOf } from '../../../../foundation/archive/byte-path.ts';
import type { FolderMatch, IgnoreMatcher } from '../../language/ignore/ignore.ts';
import { parseIgnoreFile } from '../../language/ignore/ignore.ts';
import { mayMatchBelow, parsePattern, patternMatches } from '../../language/ignore/pattern.ts';
import type { IgnorePattern } from '../../language/ignore/pattern.ts';
import { newFolder, type Tree, type TreeEntry } from './tree.ts';

/** One thing that a source of COPY means: a file, or a directory with what it holds. */
export interface Selected {
  /** Its last name; empty for the top of the tree. */
  name: string;
  /** Where it is in the tree, links followed. */
  path: string;
  entry: TreeEntry;
  /** Of a directory: what is taken below it, by path from it, parents first. */
  below: () => Iterable<readonly [string, TreeEntry]>;
}

export interface Selecting {
  /** Patterns of `--exclude`. */
  exclude?: readonly string[];
  /** `--parents`: the folders of what is meant come along. */
  parents?: boolean;
}

/** Names are bytes, one character a byte, in trees, and text in Dockerfiles. */
export const toBytes = (text: string): string => Buffer.from(text, 'utf8').toString('latin1');
const toText = (bytes: string): string => Buffer.from(bytes, 'latin1').toString('utf8');

export const hasPattern = (path: string): boolean => /[*?[\\]/.test(path);

/**
 * What a source means; nothing when there is no such thing. Links on the way and the source itself are followed with the top of the tree as
 * root; links inside a directory stay links, and so do those that lead nowhere.
 */
export function select(tree: Tree, source: string, selecting: Selecting = {}): Selected[] {
  const exclude = excluding(selecting.exclude ?? []);
  if (selecting.parents) return selectWithParents(tree, source, exclude);
  const path = components(toBytes(source)).join('/');
  const found = hasPattern(path) ? matching(tree, path) : [path];
  return found.flatMap((each) => {
    const target = follow(tree, each) ?? each;
    const entry = tree.get(target);
    const name = baseOf(each);
    if (!entry || (entry.type !== 'directory' && exclude?.ignores(toText(name)))) return [];
    const below = (): Iterable<readonly [string, TreeEntry]> =>
      entry.type === 'directory' ? walk(tree, target, { exclude }) : [];
    return [{ name, path: target, entry, below }];
  });
}

/** `/./` parts what is left out from what is kept of the path. What is kept is a pattern as in `.dockerignore`, and its links stay links. */
function selectWithParents(tree: Tree, source: string, exclude: IgnoreMatcher | undefined): Selected[] {
  const cut = source.indexOf('/./');
  const [from, kept] = cut < 0 ? ['', source] : [source.slice(0, cut), source.slice(cut + 3)];
  const top = follow(tree, toBytes(from));
  const entry = top === undefined ? undefined : tree.get(top);
  if (top === undefined || entry?.type !== 'directory') return [];
  const pattern = components(kept).join('/');
  const include = pattern === '' ? undefined : parsePattern(pattern, false);
  if (pattern !== '' && !include) return [];
  const below = (): Iterable<readonly [string, TreeEntry]> => walk(tree, top, { include, exclude });
  const isThere = pattern === '' || !walk(tree, top, { include, exclude }).next().done;
  return isThere ? [{ name: '', path: top, entry, below }] : [];
}

function excluding(patterns: readonly string[]): IgnoreMatcher | undefined {
  if (patterns.length === 0) return undefined;
  // A number sign begins a comment in a file alone.
  const lines = patterns.map((pattern) => (pattern.startsWith('#') ? `\\${pattern}` : pattern));
  return parseIgnoreFile(lines.join('\n'), '--exclude');
}

interface Wanted {
  include?: IgnorePattern | undefined;
  exclude?: IgnoreMatcher | undefined;
}

interface Folder {
  path: string;
  /** From where the walk began. */
  below: string;
  entry: TreeEntry;
  names: readonly string[];
  at: number;
  isTold: boolean;
  isIncluded: boolean;
  match: FolderMatch | undefined;
}

/** All that is wanted below a directory. A folder that is not wanted itself comes before the first thing in it that is. */
export function* walk(
  tree: Tree,
  top: string,
  { include, exclude }: Wanted,
): Generator<readonly [string, TreeEntry]> {
  const open = (path: string, below: string, entry: TreeEntry): Omit<Folder, 'isTold' | 'isIncluded'> => {
    return { path, below, entry, names: tree.names(path), at: 0, match: undefined };
  };
  const opened: Folder[] = [{ ...open(top, '', newFolder), isTold: true, isIncluded: include === undefined }];
  for (let folder = opened.at(-1); folder; folder = opened.at(-1)) {
    const name = folder.names[folder.at++];
    if (name === undefined) {
      opened.pop();
      continue;
    }
    const path = joinPath(folder.path, name);
    const entry = tree.get(path);
    if (!entry) continue;
    const below = joinPath(folder.below, name);
    const text = include || exclude ? toText(below) : '';
    const isIncluded = folder.isIncluded || (include !== undefined && patternMatches(include, text));
    const answer = exclude?.ask(text, folder.match);
    const isWanted = isIncluded && answer?.ignored !== true;
    if (isWanted) {
      for (const parent of opened)
        if (!parent.isTold) {
          parent.isTold = true;
          yield [parent.below, parent.entry];
        }
      yield [below, entry];
    }
    if (entry.type !== 'directory') continue;
    const mayHold =
      (isIncluded || (include !== undefined && mayMatchBelow(include, text))) &&
      (answer?.ignored !== true || exclude?.mayHoldMore(text, answer.match) === true);
    if (mayHold)
      opened.push({ ...open(path, below, entry), isTold: isWanted, isIncluded, match: answer?.match });
  }
}

/** Links before the first part with a pattern are followed; later ones stay links. */
function matching(tree: Tree, path: string): string[] {
  const parts = components(path);
  const first = parts.findIndex(hasPattern);
  const start = follow(tree, parts.slice(0, first).join('/'));
  let found = start === undefined ? [] : [start];
  for (const part of parts.slice(first)) {
    if (!hasPattern(part)) {
      found = found.map((each) => joinPath(each, part)).filter((each) => tree.get(each) !== undefined);
      continue;
    }
    const pattern = parsePattern(toText(part).replace(/\*+/g, '*'), false);
    if (!pattern) return [];
    found = found.flatMap((folder) =>
      tree
        .names(folder)
        .filter((name) => patternMatches(pattern, toText(name)))
        .map((name) => joinPath(folder, name)),
    );
  }
  return found;
}

/** As the kernel: more links than this are a circle. */
const mostLinks = 40;

/** Where a path ends when its links are followed; undefined when it leads nowhere. */
function follow(tree: Tree, path: string): string | undefined {
  let at = '';
  let links = 0;
  // The next part comes last: links put theirs on top.
  const rest = components(path).reverse();
  for (let part = rest.pop(); part !== undefined; part = rest.pop()) {
    if (part === '' || part === '.') continue;
    if (part === '..') {
      at = parentOf(at);
      continue;
    }
    const next = joinPath(at, part);
    const entry = tree.get(next);
    if (!entry) return undefined;
    if (entry.type !== 'symlink') at = next;
    else {
      if (++links > mostLinks) return undefined;
      if (entry.linkName.startsWith('/')) at = '';
      rest.push(...entry.linkName.split('/').reverse());
    }
  }
  return at;
}

/** What is at a path, links followed. */
export function find(tree: Tree, path: string): TreeEntry | undefined {
  const target = follow(tree, toBytes(path));
  return target === undefined ? undefined : tree.get(target);
}

/** Names in the folder that a missing path would be in, for hints. */
export function namesBeside(tree: Tree, path: string): string[] {
  const folder = follow(tree, parentOf(components(toBytes(path)).join('/')));
  return folder === undefined ? [] : tree.names(folder).slice(0, 10_000).map(toText);
}
