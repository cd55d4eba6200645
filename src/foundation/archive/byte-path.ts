import { corruptEntry } from './tar-limits.ts';

/*
 * Paths from archives are bytes, kept one character a byte (latin1) so that they can be compared, split and used as keys.
 */

/** The components of an archive's path seen from the tree's root: absolute paths and `..` stay inside of it. */
export function components(path: string): string[] {
  const parts: string[] = [];
  for (const part of path.split('/')) {
    if (part === '' || part === '.') continue;
    if (part === '..') parts.pop();
    else parts.push(part);
  }
  return parts;
}

const ascii = /^[^\u0080-\u00ff]*$/;
const plain = /^(?:[^/.][^/]*)(?:\/[^/.][^/]*)*$/;

/** As `components(path).join('/')`, faster for paths that are in that form already. */
export function normalise(path: string): string {
  if (plain.test(path)) return path;
  return components(path).join('/');
}

/** What a system call takes: text if it is ASCII, the very bytes otherwise. */
export function toKernelPath(path: string): string | Buffer {
  return ascii.test(path) ? path : Buffer.from(path, 'latin1');
}

export function joinPath(parent: string, name: string): string {
  return parent === '' ? name : `${parent}/${name}`;
}

export function parentOf(path: string): string {
  const slash = path.lastIndexOf('/');
  return slash < 0 ? '' : path.slice(0, slash);
}

export function baseOf(path: string): string {
  return path.slice(path.lastIndexOf('/') + 1);
}

/** Names with which Docker's layers say "deleted". OCI image spec, layer.md#whiteouts. */
export const whiteoutPrefix = '.wh.';
const whiteoutMetaPrefix = '.wh..wh.';
export const opaqueMarker = '.wh..wh..opq';

/** What a path means in a layer. */
export type LayerPath =
  | { kind: 'root' }
  | { kind: 'entry'; parent: string; name: string }
  | { kind: 'whiteout'; parent: string; name: string }
  | { kind: 'opaque'; parent: string }
  | { kind: 'ignored' };

/** Sorts an entry's path. Other `.wh..wh.` names are aufs' own bookkeeping, which nothing needs. */
export function classify(path: string, offset: number): LayerPath {
  const whole = normalise(path);
  if (whole === '') return { kind: 'root' };
  const parent = parentOf(whole);
  const name = baseOf(whole);
  if (!whole.includes(whiteoutPrefix)) return { kind: 'entry', parent, name };
  for (const component of parent.split('/')) {
    if (component.startsWith(whiteoutMetaPrefix)) return { kind: 'ignored' };
    if (component.startsWith(whiteoutPrefix))
      throw corruptEntry(path, offset, 'something lies below a whiteout');
  }
  if (name === opaqueMarker) return { kind: 'opaque', parent };
  if (name.startsWith(whiteoutMetaPrefix)) return { kind: 'ignored' };
  if (!name.startsWith(whiteoutPrefix)) return { kind: 'entry', parent, name };
  const hidden = name.slice(whiteoutPrefix.length);
  if (hidden === '' || hidden === '.' || hidden === '..')
    throw corruptEntry(path, offset, 'whiteout of no name');
  return { kind: 'whiteout', parent, name: hidden };
}
