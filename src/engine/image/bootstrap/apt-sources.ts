import { execFile } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { invalid, unavailable } from '../../../foundation/base/errors.ts';
import { aptFailure } from './explain-apt.ts';
import { type Distribution, keyringOf, partsOf, titleOf, unknownSuite } from './suites.ts';

const run = promisify(execFile);

/** Where packages come from. */
export interface AptSources {
  /** Lines of a sources.list; none leaves the choice to the tool. */
  lines: string[];
  /** When the archives last changed, in seconds: the time that their packages' files get at most. */
  epochSeconds?: number;
}

export interface SourceWishes {
  distribution: Distribution;
  suite: string;
  /** Main archive to use in place of the machine's. */
  mirror?: string;
  /** Whole lines to use in place of everything. */
  sources?: readonly string[];
}

interface Target {
  uri: string;
  release: string;
}

const maximumLines = 16;
const maximumCharacters = 1000;

/** A failing mirror is told in seconds, not in apt's minutes. */
export const patience = [
  '-oAcquire::Retries=1',
  '-oAcquire::Retries::Delay=false',
  '-oAcquire::http::Timeout=20',
  '-oAcquire::https::Timeout=20',
];

/**
 * The mirrors that the machine's own apt is configured with, in whatever format: for its own suite as they stand, for another one
 * with the suite exchanged. Updates and security fixes where the archive has them.
 */
export async function aptSources(wishes: SourceWishes, folder: string): Promise<AptSources> {
  const { distribution, suite, mirror, sources } = wishes;
  if (sources && sources.length > 0) return { lines: checkLines(sources) };
  const keyring = keyringOf(distribution);
  const candidates = (await archivesOf(wishes)).map(({ part, uri }) => ({
    line: `deb [signed-by=${keyring}] ${uri} ${suite}${part} main`,
    address: `${uri.replace(/\/?$/, '/')}dists/${suite}${part}/InRelease`,
    part,
  }));
  if (candidates.length === 0) return { lines: [] };
  const found = await Promise.all(
    candidates.map(async (candidate) => {
      const date = await releaseDate(candidate.address, join(folder, `InRelease${candidate.part}`));
      if (date === undefined && candidate.part === '') throw unknownSuite(distribution, suite);
      return { ...candidate, date };
    }),
  );
  const there = found.flatMap(({ line, date }) => (date === undefined ? [] : [{ line, date }]));
  if (there.length === 0)
    throw unavailable(`no mirror of ${titleOf(distribution)} in ${mirror ?? "apt's configuration"}`);
  return {
    lines: there.map(({ line }) => line),
    epochSeconds: Math.max(...there.map(({ date }) => date)),
  };
}

/** The addresses to ask, the suite's own first. None when the machine knows no mirror of the distribution. */
async function archivesOf(wishes: SourceWishes): Promise<{ part: string; uri: string }[]> {
  const { distribution, suite, mirror } = wishes;
  if (mirror !== undefined) checkLines([`deb ${mirror} ${suite} main`]);
  const host = await hostSuite();
  const targets = host?.distribution === distribution ? await configuredTargets() : [];
  const from = targets.some((target) => target.release === suite) ? suite : host?.suite;
  const archive = mirror ?? targets.find(({ release }) => release === from)?.uri;
  if (archive === undefined) return [];
  return partsOf(distribution, suite).flatMap((part) => {
    const own = targets.find(({ release }) => release === `${from}${part}`)?.uri;
    // Debian's security fixes have an archive of their own.
    if (part === '-security' && distribution === 'debian')
      return own === undefined ? [] : [{ part, uri: own }];
    return [{ part, uri: mirror ?? own ?? archive }];
  });
}

function checkLines(lines: readonly string[]): string[] {
  if (lines.length > maximumLines) throw invalid(`more than ${maximumLines} sources`, { code: 'bad-source' });
  for (const line of lines)
    if (
      line.length > maximumCharacters ||
      !/^deb (?:\[[^[\]\n]*\] )?[a-z+]+:\/[!-~]+ [!-~]+(?: [!-~]+)*$/.test(line)
    )
      throw invalid(`this is no source of packages: ${JSON.stringify(line.slice(0, 100))}`, {
        code: 'bad-source',
        hint: "one line of a sources.list, such as 'deb [signed-by=FILE] http://HOST/debian SUITE main'",
      });
  return [...lines];
}

async function configuredTargets(): Promise<Target[]> {
  const format = '$(REPO_URI) $(RELEASE) $(COMPONENT)';
  const { stdout } = await run('apt-get', ['indextargets', '--format', format, 'Created-By: Packages'], {
    timeout: 30_000,
  }).catch(() => ({ stdout: '' }));
  return stdout.split('\n').flatMap((line) => {
    const [uri = '', release = '', component = ''] = line.split(' ');
    return component === 'main' && /^[a-z+]+:\/\/?\S+$/.test(uri) ? [{ uri, release }] : [];
  });
}

/** os-release(5). */
async function hostSuite(): Promise<{ distribution: Distribution; suite: string } | undefined> {
  const text = await readFile('/etc/os-release', 'utf8').catch(() => '');
  const value = (key: string): string | undefined =>
    new RegExp(`^${key}="?([a-z0-9-]+)"?$`, 'm').exec(text)?.[1];
  const distribution = value('ID');
  const suite = value('VERSION_CODENAME');
  if (suite === undefined) return undefined;
  return distribution === 'debian' || distribution === 'ubuntu' ? { distribution, suite } : undefined;
}

/** Undefined when the archive has no such suite. */
async function releaseDate(address: string, place: string): Promise<number | undefined> {
  const words = await run('/usr/lib/apt/apt-helper', [...patience, 'download-file', address, place], {
    timeout: 120_000,
    env: { ...process.env, LC_ALL: 'C.UTF-8' },
  }).then(
    () => '',
    (error: { stderr?: string; message: string }) => error.stderr || error.message,
  );
  if (/ (?:404|410) |File not found/.test(words)) return undefined;
  if (words !== '') throw aptFailure(`fetching ${address}`, words.split('\n'));
  return parseReleaseDate(await readFile(place, 'utf8'), address);
}

export function parseReleaseDate(release: string, address: string): number {
  const date = /^Date: (.{10,60})$/m.exec(release)?.[1];
  const seconds = Date.parse(date ?? '') / 1000;
  if (!Number.isSafeInteger(seconds))
    throw unavailable(`${address} has no date`, {
      code: 'no-suite',
      hint: 'is there a page of the network in between?',
    });
  return seconds;
}
