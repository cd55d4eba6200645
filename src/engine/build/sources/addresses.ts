import { posix } from 'node:path';
import { invalid } from '../../../foundation/base/errors.ts';

/** `git@host:path`, `git://`, `ssh://`, and web addresses whose path ends in `.git`. */
export const isGit = (text: string): boolean =>
  /^(?:git|ssh):\/\//i.test(text) ||
  /^git@[^/:]+:/.test(text) ||
  /^https?:\/\/[^#?]*\.git(?:#|$)/i.test(text);

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

/** A repository, what of it, and the folder in it that is meant. */
export interface GitAddress {
  /** Without credentials. */
  url: string;
  /** `name:password` of the address. */
  credentials?: string;
  /** Absent: the branch that the repository shows first. */
  ref?: string;
  /** Without a slash in front; empty: all of it. */
  folder: string;
}

/**
 * `https://host/x.git#ref:folder`. Kind `invalid` for words that a program could take for something else: names of refs and folders that begin with a hyphen,
 * lead upwards, or hold what git-check-ref-format(1) forbids.
 */
export function parseGitAddress(text: string): GitAddress {
  const refuse = (why: string) =>
    invalid(
      `invalid Git address ${JSON.stringify(text.replace(/\/\/[^/@]*@/, '//').slice(0, 200))}: ${why}`,
      {
        code: 'bad-git-address',
        hint: 'write https://host/path.git#branch-tag-or-commit:folder',
      },
    );
  const [address = '', fragment = ''] = text.split(/#(.*)/s);
  const [ref = '', folder = ''] = fragment.split(/:(.*)/s);
  if (Array.from(text).some((char) => char <= ' ' || char === '\u007f'))
    throw refuse('it holds white space or control characters');
  if (/^(?:ssh:\/\/|git@)/i.test(address)) throw refuse('repositories are not fetched over SSH');
  const url = URL.canParse(address) ? new URL(address) : undefined;
  if (!url || !['http:', 'https:', 'git:'].includes(url.protocol))
    throw refuse('only http, https and git are spoken');
  if (url.hostname === '' || url.hostname.startsWith('-')) throw refuse('it names no host');
  if (ref !== '' && !isRef(ref)) throw refuse(`${JSON.stringify(ref.slice(0, 100))} is no name of a ref`);
  const parts = folder.split('/').filter((part) => part !== '' && part !== '.');
  if (parts.some((part) => part === '..' || part.startsWith('-') || part.toLowerCase() === '.git'))
    throw refuse(`${JSON.stringify(folder.slice(0, 100))} is no folder in a repository`);
  const { username, password } = url;
  url.username = '';
  url.password = '';
  return {
    url: url.href,
    ...(username === '' && password === ''
      ? {}
      : { credentials: `${decodeURIComponent(username)}:${decodeURIComponent(password)}` }),
    ...(ref === '' ? {} : { ref }),
    folder: parts.join('/'),
  };
}

/** git-check-ref-format(1). */
const isRef = (ref: string): boolean =>
  ref.length <= 500 &&
  !ref.startsWith('-') &&
  !/\.\.|@\{|[\\~^:?*[\s]|\/\/|\/$|\.$|^\//.test(ref) &&
  ref !== '@' &&
  ref.split('/').every((part) => !part.startsWith('.') && !part.endsWith('.lock'));
