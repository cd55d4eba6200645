import { baseOf, components, joinPath, parentOf } from '../../../foundation/archive/byte-path.ts';
import { parsePattern, patternMatches } from '../language/ignore/pattern.ts';
import type { Tree, TreeEntry } from './tree.ts';

type Entries = Tree['entries'];

/** One thing that a source of COPY means: a file, or a directory with what it holds. */
export interface Selected {
  /** Its last name; empty for the top of the tree. */
  name: string;
  entry: TreeEntry;
  /** Of a directory: path below it and entry, parents first. */
  below: readonly (readonly [string, TreeEntry])[];
}

/** Names are bytes, one character a byte, in trees, and text in Dockerfiles. */
export const toBytes = (text: string): string => Buffer.from(text, 'utf8').toString('latin1');
export const toText = (bytes: string): string => Buffer.from(bytes, 'latin1').toString('utf8');

export const hasPattern = (path: string): boolean => /[*?[\\]/.test(path);

/**
 * What a source means; nothing when there is no such thing. Links on the way and the source itself are followed with the top of the tree as
 * root; links inside a directory stay links, and so do those that lead nowhere.
 */
export function select(entries: Entries, source: string): Selected[] {
  const path = components(toBytes(source)).join('/');
  const found = hasPattern(path) ? matching(entries, path) : [path];
  return found.flatMap((each) => {
    const target = follow(entries, each) ?? each;
    const entry = entries.get(target);
    return entry
      ? [{ name: baseOf(each), entry, below: entry.type === 'directory' ? below(entries, target) : [] }]
      : [];
  });
}

function matching(entries: Entries, path: string): string[] {
  const pattern = parsePattern(toText(path), false);
  if (!pattern) return [];
  const depth = components(path).length;
  return [...entries.keys()]
    .filter((each) => components(each).length === depth && patternMatches(pattern, toText(each)))
    .sort();
}

function below(entries: Entries, folder: string): [string, TreeEntry][] {
  const start = folder === '' ? '' : `${folder}/`;
  return [...entries]
    .filter(([path]) => path !== '' && path.startsWith(start))
    .map(([path, entry]): [string, TreeEntry] => [path.slice(start.length), entry])
    .sort(([a], [b]) => (a < b ? -1 : 1));
}

/** As the kernel: more links than this are a circle. */
const mostLinks = 40;

/** Where a path ends when its links are followed; undefined when it leads nowhere. */
function follow(entries: Entries, path: string): string | undefined {
  let at = '';
  let links = 0;
  const rest = components(path);
  for (let part = rest.shift(); part !== undefined; part = rest.shift()) {
    if (part === '' || part === '.') continue;
    if (part === '..') {
      at = parentOf(at);
      continue;
    }
    const next = joinPath(at, part);
    const entry = entries.get(next);
    if (!entry) return undefined;
    if (entry.type !== 'symlink') at = next;
    else {
      if (++links > mostLinks) return undefined;
      if (entry.linkName.startsWith('/')) at = '';
      rest.unshift(...entry.linkName.split('/'));
    }
  }
  return at;
}

/** Everything below a folder as a tree of its own. */
export function subtree(entries: Entries, folder: string): Entries {
  const top = entries.get(folder);
  return new Map([...(top ? [['', top] as const] : []), ...below(entries, folder)]);
}
