import { posix } from 'node:path';

/*
 * The rules of `docker cp` about paths, without touching any file: what a last slash or dot means, where an archive is extracted and what its first name
 * becomes. Paths are POSIX ones.
 */

/** One end of a copy. */
export interface CopyEnd {
  path: string;
  exists: boolean;
  isDirectory: boolean;
  /** The name that was asked for, where following a link has changed the last component. */
  rebaseName?: string;
}

export type CopyWord = { container: string; path: string } | { container?: undefined; path: string };

/** `CONTAINER:PATH`; absolute paths and those that start with a dot are local even with a colon in them. */
export function splitWord(word: string): CopyWord {
  const colon = word.indexOf(':');
  if (word.startsWith('/') || word.startsWith('.') || colon < 0) return { path: word };
  return { container: word.slice(0, colon), path: word.slice(colon + 1) };
}

const endsInSlash = (path: string): boolean => path.endsWith('/');
const endsInDot = (path: string): boolean => posix.basename(path) === '.';
/** Whether the words say that it must be a directory. */
export const assertsDirectory = (path: string): boolean => endsInSlash(path) || endsInDot(path);

/** Cleaned, without a last slash. */
export function cleanPath(path: string): string {
  return posix.normalize(path).replace(/(.)\/+$/, '$1');
}

/** Directory and last component; `dir/.` splits into `dir` and `.`. */
export function splitEntry(path: string): { directory: string; base: string } {
  const clean = cleanPath(path);
  const whole = endsInDot(path) ? `${clean === '/' ? '' : clean}/.` : clean;
  const slash = whole.lastIndexOf('/');
  if (slash < 0) return { directory: '.', base: whole };
  return { directory: whole.slice(0, slash) || '/', base: whole === '/' ? '/' : whole.slice(slash + 1) };
}

/** `clean` with the last slash or dot that `original` had. */
export function keepEnding(clean: string, original: string): string {
  if (endsInDot(original) && !endsInDot(clean)) return `${clean}${endsInSlash(clean) ? '' : '/'}.`;
  return endsInSlash(original) && !endsInSlash(clean) ? `${clean}/` : clean;
}

/** After a link was followed: the path to copy, and the name it must have in the archive when that is another. */
export function afterLink(path: string, target: string): { path: string; rebaseName?: string } {
  const resolved = keepEnding(target, path);
  const name = posix.basename(path);
  return name === posix.basename(resolved) ? { path: resolved } : { path: resolved, rebaseName: name };
}

export type Placement =
  | { directory: string; name: string }
  | { refused: 'cannot copy directory' | 'no such directory' };

/** Where the archive of `source` is extracted, and the name that its first entry gets there: https://docs.docker.com/reference/cli/docker/container/cp/ */
export function placeCopy(source: CopyEnd, destination: CopyEnd): Placement {
  const sourceName = source.rebaseName ?? splitEntry(source.path).base;
  if (destination.exists && destination.isDirectory) return { directory: destination.path, name: sourceName };
  if (destination.exists && source.isDirectory) return { refused: 'cannot copy directory' };
  if (!destination.exists && !source.isDirectory && assertsDirectory(destination.path))
    return { refused: 'no such directory' };
  const { directory, base } = splitEntry(destination.path);
  return { directory, name: base };
}

/** An entry's name with its first component, `from`, replaced. The root's entries start with a slash. */
export function renameFirst(name: string, from: string, to: string): string {
  const old = from === '/' ? '' : from;
  if (name === old || name === `${old}/` || (old === '' && name === '/')) return to;
  return name.startsWith(`${old}/`) ? `${to}${name.slice(old.length)}` : name;
}
