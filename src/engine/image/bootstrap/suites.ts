import { existsSync } from 'node:fs';
import { invalid, type SiloError, unavailable } from '../../../foundation/base/errors.ts';
import { nearest } from '../../../foundation/base/nearest.ts';

export type Distribution = 'debian' | 'ubuntu';

/** What an image is to be made of. */
export type Wanted =
  | { kind: 'busybox' }
  /** A whole small system, or (`distroless`) packages on an empty root. */
  | { kind: 'system' | 'distroless'; distribution: Distribution; suite: string; slim: boolean; name: string };

/** The suites that have archives today, the newest first; a mirror may have others. */
const suites: Record<Distribution, readonly string[]> = {
  debian: [
    'sid',
    'forky',
    'trixie',
    'bookworm',
    'bullseye',
    'unstable',
    'testing',
    'stable',
    'oldstable',
    'oldoldstable',
  ],
  ubuntu: ['resolute', 'questing', 'noble', 'jammy', 'focal', 'bionic', 'xenial'],
};

/** What a distribution without a suite means. */
const usual: Record<Distribution, string> = { debian: 'stable', ubuntu: 'noble' };

/** Debian's suites that have neither updates nor security of their own. */
const rolling = new Set(['sid', 'unstable', 'experimental', 'rc-buggy']);

const keyrings: Record<Distribution, { file: string; package: string }> = {
  debian: { file: '/usr/share/keyrings/debian-archive-keyring.gpg', package: 'debian-archive-keyring' },
  ubuntu: { file: '/usr/share/keyrings/ubuntu-archive-keyring.gpg', package: 'ubuntu-keyring' },
};

/**
 * `busybox`, `debian[:SUITE[-slim]]`, `ubuntu[:SUITE[-slim]]`, `distroless[:SUITE]`. Suites that are not in the table are left to the mirror to know:
 * releases come after this program.
 */
export function parseWanted(what: string): Wanted {
  if (what === 'busybox' || what === 'busybox:latest') return { kind: 'busybox' };
  const [, word = '', suite, slim] =
    /^(debian|ubuntu|distroless)(?::([a-z]+(?:-[a-z]+)*?)(-slim)?)?$/.exec(what) ?? [];
  if (word === 'debian' || word === 'ubuntu') {
    const tag = suite ?? usual[word];
    const name = `${word}:${tag}${slim ?? ''}`;
    return { kind: 'system', distribution: word, suite: tag, slim: slim !== undefined, name };
  }
  if (word === 'distroless' && slim === undefined) {
    const tag = suite ?? usual.debian;
    const distribution = suites.ubuntu.includes(tag) ? 'ubuntu' : 'debian';
    return { kind: 'distroless', distribution, suite: tag, slim: true, name: `distroless:${tag}` };
  }
  throw invalid(`cannot make a base image "${what.slice(0, 80)}"`, {
    code: 'unknown-bootstrap',
    hint: `what can be made: busybox, debian:SUITE, ubuntu:SUITE (with -slim: without manuals), distroless:SUITE${meant(what)}`,
  });
}

function meant(what: string): string {
  const near = nearest(what.replace(/:.*/s, ''), ['busybox', 'debian', 'ubuntu', 'distroless'], 1);
  return near[0] === undefined || what.startsWith(near[0]) ? '' : `; did you mean ${near[0]}?`;
}

/** Parts of a suite in their archive: the suite itself, then what may be beside it. */
export function partsOf(distribution: Distribution, suite: string): readonly string[] {
  return distribution === 'debian' && rolling.has(suite) ? [''] : ['', '-updates', '-security'];
}

export function unknownSuite(distribution: Distribution, suite: string, cause?: unknown): SiloError {
  const near = nearest(suite, suites[distribution], 1)[0];
  const known = suites[distribution].slice(0, 8).join(', ');
  return invalid(`the mirror has no suite "${suite}" of ${titleOf(distribution)}`, {
    code: 'no-suite',
    hint: near !== undefined && near !== suite ? `did you mean ${near}?` : `suites: ${known}`,
    cause,
  });
}

/** The keys that sign the distribution's archives; which package brings them when this machine has none. */
export function keyringOf(distribution: Distribution): string {
  const { file, package: name } = keyrings[distribution];
  if (existsSync(file)) return file;
  throw unavailable(`this machine has no keys to check packages of ${titleOf(distribution)}`, {
    code: 'no-keyring',
    hint: `install the package ${name} (it brings ${file}), or give a whole line with --source 'deb [signed-by=FILE] ADDRESS SUITE main'`,
  });
}

export const titleOf = (distribution: Distribution): string =>
  distribution === 'debian' ? 'Debian' : 'Ubuntu';
