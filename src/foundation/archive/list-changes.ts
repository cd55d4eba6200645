import { walkUpper } from './upper-walk.ts';

/** One line of `docker diff`: added, changed, deleted. The path is absolute, one character a byte. */
export interface Change {
  kind: 'A' | 'C' | 'D';
  path: string;
}

/**
 * What an upper folder changes in the lower ones (topmost first), in byte order, as Docker tells it: a directory counts as changed by its own
 * attributes or by a change below it, and a copied-up file that is as before does not count.
 */
export function* listChanges(upper: string, lowers: readonly string[]): Generator<Change> {
  /** Directories on the way down that nothing has shown to be changed, outermost first. */
  let waiting: string[] = [];
  for (const { path, kind, existsBelow, isModified } of walkUpper(upper, lowers)) {
    if (path === '') continue;
    waiting = waiting.filter((directory) => path.startsWith(`${directory}/`));
    if (kind === 'whiteout' && !existsBelow) continue;
    if (kind !== 'whiteout' && existsBelow && !isModified) {
      if (kind === 'directory') waiting.push(path);
      continue;
    }
    for (const directory of waiting) yield { kind: 'C', path: `/${directory}` };
    waiting = [];
    yield { kind: kind === 'whiteout' ? 'D' : existsBelow ? 'C' : 'A', path: `/${path}` };
  }
}
