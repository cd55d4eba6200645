import { SiloError, invalid } from '../base/errors.ts';
import { type Digest, parseDigest } from './digest.ts';

/**
 * A parsed image name. `docker.io/library/busybox:latest`: host `docker.io`, path `library/busybox`, tag `latest`. At least one of tag and
 * digest is set once `withDefaultTag` was applied.
 */
export interface Reference {
  readonly host: string;
  readonly path: string;
  readonly tag?: string;
  readonly digest?: Digest;
}

const defaultHost = 'docker.io';
const officialPrefix = 'library/';
const maximumPathLength = 255;
// Longer than any legal name (host 255, path 255, tag 128, digest 135) and short enough for every pattern below.
const maximumLength = 1024;

// The grammar of github.com/distribution/reference, regexp.go.
const hostName =
  '(?:[a-zA-Z0-9]|[a-zA-Z0-9][a-zA-Z0-9-]*[a-zA-Z0-9])(?:\\.(?:[a-zA-Z0-9]|[a-zA-Z0-9][a-zA-Z0-9-]*[a-zA-Z0-9]))*';
const host = `(?:${hostName}|\\[[a-fA-F0-9:]+\\])(?::[0-9]+)?`;
const pathComponent = '[a-z0-9]+(?:(?:[._]|__|-+)[a-z0-9]+)*';
const path = `${pathComponent}(?:/${pathComponent})*`;
const tag = '[A-Za-z0-9_][A-Za-z0-9_.-]{0,127}';
const digest = '[A-Za-z][A-Za-z0-9]*(?:[-_+.][A-Za-z][A-Za-z0-9]*)*:[0-9a-fA-F]{32,}';
const wholeReference = new RegExp(`^(${host})/(${path})(?::(${tag}))?(?:@(${digest}))?$`);
const wholeTag = new RegExp(`^${tag}$`);
const identifier = /^[a-f0-9]{64}$/;

/**
 * Reads a name as people write it, with Docker's rules: the part before the first slash is a host when it contains `.` or `:`,
 * is `localhost`, or has an upper-case letter; otherwise the host is `docker.io`, and one-word names stand below `library/`.
 * Kind `invalid`, with Docker's sentences.
 */
export function parseReference(text: string): Reference {
  if (identifier.test(text))
    throw invalid(`invalid repository name (${text}), cannot specify 64-byte hexadecimal strings`, {
      code: 'invalid-reference',
    });
  if (text.length > maximumLength) throw invalidFormat(text);
  const split = splitHost(text);
  const repository = split.rest.split(/[:@]/, 1)[0] ?? '';
  if (repository !== repository.toLowerCase())
    throw invalid(`invalid reference format: repository name (${repository}) must be lowercase`, {
      code: 'invalid-reference',
      hint: 'write the repository in lower-case letters; only tags may have upper-case ones',
    });
  const match = wholeReference.exec(`${split.host}/${split.rest}`);
  const [, foundHost, foundPath, foundTag, foundDigest] = match ?? [];
  if (foundHost === undefined || foundPath === undefined) throw invalidFormat(text);
  if (foundPath.length > maximumPathLength)
    throw invalid(`repository name must not be more than ${maximumPathLength} characters`, {
      code: 'invalid-reference',
    });
  return {
    host: foundHost,
    path: foundPath,
    ...(foundTag === undefined ? {} : { tag: foundTag }),
    ...(foundDigest === undefined ? {} : { digest: digestOfReference(foundDigest) }),
  };
}

/** The full form: `docker.io/library/busybox:latest@sha256:…`. Parses back to the same reference. */
export function formatReference(reference: Reference): string {
  return repositoryName(reference) + suffix(reference);
}

/** Host and path, without tag and digest: `docker.io/library/busybox`. */
export function repositoryName(reference: Reference): string {
  return `${reference.host}/${reference.path}`;
}

/** The form that Docker shows: without `docker.io/` and `library/`, with tag and digest: `busybox:latest`. */
export function familiarName(reference: Reference): string {
  return familiarRepository(reference) + suffix(reference);
}

/**
 * `familiarName` without tag and digest: `busybox`. Stays full where the short form would name something else
 * (`docker.io/quay.io/x`), which is stricter than Docker.
 */
export function familiarRepository(reference: Reference): string {
  if (reference.host !== defaultHost) return repositoryName(reference);
  const { path } = reference;
  const oneWord = path.startsWith(officialPrefix) && !path.slice(officialPrefix.length).includes('/');
  const short = oneWord ? path.slice(officialPrefix.length) : path;
  const again = splitHost(short);
  const same = again.host === defaultHost && again.rest === path && !identifier.test(short);
  return same ? short : repositoryName(reference);
}

/** Adds `latest` when the reference has neither tag nor digest. */
export function withDefaultTag(reference: Reference): Reference {
  return reference.tag === undefined && reference.digest === undefined
    ? { ...reference, tag: 'latest' }
    : reference;
}

/** The same repository with another tag, or with the digest instead of any tag. */
export function withTag(reference: Reference, newTag: string): Reference {
  if (!isTag(newTag)) throw invalid('invalid tag format', { code: 'invalid-reference' });
  return { host: reference.host, path: reference.path, tag: newTag };
}

export function withDigest(reference: Reference, newDigest: Digest): Reference {
  return { host: reference.host, path: reference.path, digest: newDigest };
}

export function isTag(text: string): boolean {
  return wholeTag.test(text);
}

function splitHost(name: string): { host: string; rest: string } {
  const slash = name.indexOf('/');
  if (slash < 0) return { host: defaultHost, rest: officialPrefix + name };
  const first = name.slice(0, slash);
  const after = name.slice(slash + 1);
  const isHost = first === 'localhost' || /[.:]/.test(first) || first.toLowerCase() !== first;
  // `index.docker.io` is the legacy name of the default host.
  const host = !isHost || first === 'index.docker.io' ? defaultHost : first;
  const rest = isHost ? after : name;
  return { host, rest: host === defaultHost && !rest.includes('/') ? officialPrefix + rest : rest };
}

function suffix(reference: Reference): string {
  const tagPart = reference.tag === undefined ? '' : `:${reference.tag}`;
  return reference.digest === undefined ? tagPart : `${tagPart}@${reference.digest}`;
}

function digestOfReference(text: string): Digest {
  try {
    return parseDigest(text);
  } catch (error) {
    throw invalid(`invalid reference format: ${messageOf(error)}`, {
      code: 'invalid-reference',
      cause: error,
    });
  }
}

function messageOf(error: unknown): string {
  return error instanceof SiloError ? error.message : String(error);
}

// The bare sentence: clients compare it word by word.
function invalidFormat(text: string): SiloError {
  const lower = text.toLowerCase();
  if (lower !== text && text.length <= maximumLength) {
    const split = splitHost(lower);
    if (wholeReference.test(`${split.host}/${split.rest}`))
      return invalid('repository name must be lowercase', { code: 'invalid-reference' });
  }
  return invalid('invalid reference format', {
    code: 'invalid-reference',
    hint: 'want [HOST[:PORT]/]NAME[:TAG][@DIGEST], for example busybox:1.36',
  });
}
