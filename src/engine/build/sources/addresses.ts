import { posix } from 'node:path';

/** `user@host:path`, `git://`, `ssh://`, and web addresses whose path ends in `.git`. */
export const isGit = (text: string): boolean =>
  /^(?:git|ssh):\/\//i.test(text) ||
  /^[\w-]+@[\w.-]+:/.test(text) ||
  /^https?:\/\/[^#?]*\.git(?:[#?]|$)/i.test(text);

export const isWeb = (text: string): boolean => /^https?:\/\//i.test(text);

/** The file's name as Docker takes it from the address: the last part of the path. Names that cannot be are none. */
export function fileNameOf(url: string): string {
  const path = URL.canParse(url) ? new URL(url).pathname : '';
  let name = posix.basename(path);
  try {
    name = posix.basename(decodeURIComponent(name));
  } catch {
    // Not encoded as it should be: as it stands.
  }
  const bytes = Buffer.from(name, 'utf8').toString('latin1');
  const isName =
    bytes !== '' && bytes !== '.' && bytes !== '..' && bytes.length <= 255 && !/[\0/]/.test(bytes);
  return isName ? bytes : '__unnamed__';
}
