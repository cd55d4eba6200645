import { invalid } from '../../../foundation/base/errors.ts';

/** Where a repository is. */
export interface GitRemote {
  /** As Git takes it, without credentials: an address, or `user@host:path`. */
  url: string;
  transport: 'http' | 'https' | 'git' | 'ssh';
  host: string;
  /** `name:password` of a web address. */
  credentials?: string;
}

/** A repository, what of it, and the folder in it that is meant. */
export interface GitAddress extends GitRemote {
  /** Absent: the branch that the repository shows first. */
  ref?: string;
  /** A commit, or the beginning of one, that it must be. */
  commit?: string;
  /** Without a slash in front; empty: all of it. */
  folder: string;
  keepGitDir: boolean;
  /** Whether files of repositories that it names are in their folders. */
  submodules: boolean;
}

type Refuse = (why: string) => Error;

const refuser =
  (text: string): Refuse =>
  (why) =>
    invalid(
      `invalid Git address ${JSON.stringify(text.replace(/\/\/[^/@]*@/, '//').slice(0, 200))}: ${why}`,
      {
        code: 'bad-git-address',
        hint: 'write https://host/path.git#branch-tag-or-commit:folder, or https://host/path.git?branch=…&subdir=…',
      },
    );

/**
 * `https://host/x.git#ref:folder`, or with the words of a query. Kind `invalid` for words that a program could take for something else: names of refs and folders that
 * begin with a hyphen, lead upwards, or hold what git-check-ref-format(1) forbids.
 */
export function parseGitAddress(text: string): GitAddress {
  const refuse = refuser(text);
  const [start = '', fragment = ''] = text.split(/#(.*)/s);
  const [address = '', query = ''] = start.split(/\?(.*)/s);
  const [ref = '', folder = ''] = fragment.split(/:(.*)/s);
  const remote = parseRemote(address, refuse);
  const words = readQuery(query, refuse);
  const commit = words.commit;
  // A whole commit is what is meant; a part of one is what the ref must lead to.
  const whole = commit !== undefined && isCommit(commit) ? commit : '';
  const chosen = oneOf('ref', [ref, words.ref], refuse) || whole;
  if (chosen !== '' && !isRef(chosen))
    throw refuse(`${JSON.stringify(chosen.slice(0, 100))} is no name of a ref`);
  const path = oneOf('subdir', [folder, words.subdir], refuse);
  const parts = path.split('/').filter((part) => part !== '' && part !== '.');
  if (!parts.every(isFolderName))
    throw refuse(`${JSON.stringify(path.slice(0, 100))} is no folder in a repository`);
  return {
    ...remote,
    ...(chosen === '' ? {} : { ref: chosen }),
    ...(commit === undefined ? {} : { commit }),
    folder: parts.join('/'),
    keepGitDir: words.keepGitDir,
    submodules: words.submodules,
  };
}

export const isCommit = (text: string): boolean => /^(?:[0-9a-f]{40}|[0-9a-f]{64})$/.test(text);

/** Of a folder on the way to what is wanted of a repository. */
export const isFolderName = (part: string): boolean =>
  part !== '' && part !== '.' && part !== '..' && !part.startsWith('-') && part.toLowerCase() !== '.git';

/** Of a submodule; `./` and `../` in front are relative to the repository that names it (git-submodule(1)). */
export function parseSubmoduleAddress(text: string, parent: GitRemote): GitRemote {
  const refuse = refuser(text);
  const remote = parseRemote(/^\.\.?\//.test(text) ? relativeTo(parent, text, refuse) : text, refuse);
  const { credentials } = parent;
  if (remote.credentials !== undefined || credentials === undefined || !isSameServer(remote, parent))
    return remote;
  return { ...remote, credentials };
}

function relativeTo(parent: GitRemote, text: string, refuse: Refuse): string {
  const [, base = '', path = ''] =
    /^([a-z]+:\/\/[^/]*|[^/:]+:)(.*)$/is.exec(parent.url.replace(/\/+$/, '')) ?? [];
  const kept = path.split('/');
  const fewest = base.endsWith(':') ? 0 : 1;
  const steps = text.split('/');
  for (let step = steps.at(0); step === '.' || step === '..'; step = steps.at(0)) {
    steps.shift();
    if (step === '.') continue;
    if (kept.length <= fewest) throw refuse('it leads out of the server that names it');
    kept.pop();
  }
  return `${base}${[...kept, ...steps].join('/')}`;
}

export const isSameServer = (one: GitRemote, other: GitRemote): boolean =>
  one.transport === other.transport && serverOf(one) === serverOf(other);

/** With its port. */
const serverOf = ({ url, host }: GitRemote): string => (URL.canParse(url) ? new URL(url).host : host);

function parseRemote(text: string, refuse: Refuse): GitRemote {
  if (Array.from(text).some((char) => char <= ' ' || char === '\u007f'))
    throw refuse('it holds white space or control characters');
  if (/[#?]/.test(text)) throw refuse('it holds what belongs to no address');
  const short = /^([\w-]+)@([\w.-]+):(.*)$/s.exec(text);
  if (short) {
    const [, user = '', host = '', path = ''] = short;
    mayBeArguments([user, host, path], refuse);
    return { url: text, transport: 'ssh', host };
  }
  const url = URL.canParse(text) ? new URL(text) : undefined;
  const transport = url?.protocol.slice(0, -1);
  if (!url || (transport !== 'http' && transport !== 'https' && transport !== 'git' && transport !== 'ssh'))
    throw refuse('only https, http, git and ssh are spoken');
  const { username, password, hostname: host } = url;
  if (host === '') throw refuse('it names no host');
  mayBeArguments([host], refuse);
  url.password = '';
  if (transport === 'ssh') {
    if (!/^[\w.-]+$|^\[[\da-f:.]+\]$/i.test(host)) throw refuse('it names no host');
    if (username !== '') mayBeArguments([username], refuse);
    if (!/^[\w.-]*$/.test(username)) throw refuse('its user is none');
    return { url: url.href, transport, host };
  }
  url.username = '';
  const hasCredentials = username !== '' || password !== '';
  return {
    url: url.href,
    transport,
    host,
    ...(hasCredentials ? { credentials: `${decoded(username, refuse)}:${decoded(password, refuse)}` } : {}),
  };
}

/** Programs that get them must not take them for options. */
function mayBeArguments(words: readonly string[], refuse: Refuse): void {
  if (words.some((word) => word === '' || word.startsWith('-')))
    throw refuse('it names no host, user or path');
}

function decoded(text: string, refuse: Refuse): string {
  try {
    return decodeURIComponent(text);
  } catch {
    throw refuse('its user or password is not encoded as it should be');
  }
}

interface QueryWords {
  ref: string;
  subdir: string;
  commit?: string;
  keepGitDir: boolean;
  submodules: boolean;
}

/** The words of BuildKit's addresses (Docker documentation, "URL queries"). */
function readQuery(query: string, refuse: Refuse): QueryWords {
  const found = new Map<string, string>();
  for (const [name, value] of new URLSearchParams(query)) {
    if (!queryNames.has(name)) throw refuse(`unexpected query ${JSON.stringify(name.slice(0, 60))}`);
    if (found.has(name)) throw refuse(`query ${JSON.stringify(name)} has multiple values`);
    if (value === '' && name !== 'keep-git-dir' && name !== 'submodules')
      throw refuse(`query ${JSON.stringify(name)} has no value`);
    found.set(name, value);
  }
  const full = (name: 'branch' | 'tag', folder: string): string => {
    const value = found.get(name) ?? '';
    return value === '' || value.startsWith(folder) ? value : `${folder}${value}`;
  };
  const flag = (name: string, absent: boolean): boolean => {
    const value = found.get(name);
    if (value === undefined) return absent;
    if (/^(|1|t|true)$/i.test(value)) return true;
    if (/^(0|f|false)$/i.test(value)) return false;
    throw refuse(`query ${JSON.stringify(name)} is neither true nor false`);
  };
  const commit = oneOf(
    'commit',
    [found.get('commit') ?? '', found.get('checksum') ?? ''],
    refuse,
  ).toLowerCase();
  if (commit !== '' && !/^[\da-f]{7,64}$/.test(commit))
    throw refuse(`${JSON.stringify(commit.slice(0, 100))} is no commit`);
  return {
    ref: oneOf(
      'ref',
      [found.get('ref') ?? '', full('branch', 'refs/heads/'), full('tag', 'refs/tags/')],
      refuse,
    ),
    subdir: found.get('subdir') ?? '',
    ...(commit === '' ? {} : { commit }),
    keepGitDir: flag('keep-git-dir', false),
    submodules: flag('submodules', true),
  };
}

const queryNames = new Set([
  'ref',
  'branch',
  'tag',
  'commit',
  'checksum',
  'subdir',
  'keep-git-dir',
  'submodules',
]);

/** What several words say, if they say the same. */
function oneOf(name: string, values: readonly string[], refuse: Refuse): string {
  const [first = '', ...others] = new Set(values.filter((value) => value !== ''));
  const [second] = others;
  if (second !== undefined)
    throw refuse(`${name} conflicts: ${JSON.stringify(first)} and ${JSON.stringify(second)}`);
  return first;
}

/** git-check-ref-format(1). */
const isRef = (ref: string): boolean =>
  ref.length <= 500 &&
  !ref.startsWith('-') &&
  !/\.\.|@\{|[\\~^:?*[\s]|\/\/|\/$|\.$|^\//.test(ref) &&
  ref !== '@' &&
  ref.split('/').every((part) => !part.startsWith('.') && !part.endsWith('.lock'));
