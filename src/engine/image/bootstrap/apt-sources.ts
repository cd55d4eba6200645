import { execFile } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { unavailable } from '../../../foundation/base/errors.ts';

const run = promisify(execFile);

/** Where the machine gets a Debian suite from. */
export interface AptSources {
  /** Lines of a sources.list; none leaves the choice to the tool. */
  lines: string[];
  /** Base address of the main archive. */
  archive?: string;
}

interface Target {
  uri: string;
  release: string;
}

/** Suites that have neither updates nor security of their own. */
const rolling = new Set(['sid', 'unstable', 'experimental', 'rc-buggy']);

/**
 * The mirrors that the machine's own apt is configured with, in whatever format: for its own suite as they stand, for another one
 * with the suite exchanged. A machine that is no Debian names none.
 */
export async function aptSources(suite: string): Promise<AptSources> {
  const targets = await configuredTargets();
  const own = await hostSuite();
  const from = targets.some((target) => target.release === suite) ? suite : own;
  if (from === undefined) return { lines: [] };
  const lines: string[] = [];
  for (const part of ['', '-updates', '-security']) {
    const target = targets.find(({ release }) => release === from + part);
    if (target && !(part !== '' && rolling.has(suite))) lines.push(`deb ${target.uri} ${suite}${part} main`);
  }
  const archive = targets.find(({ release }) => release === from)?.uri;
  return archive === undefined ? { lines: [] } : { lines, archive };
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
async function hostSuite(): Promise<string | undefined> {
  const text = await readFile('/etc/os-release', 'utf8').catch(() => '');
  const value = (key: string): string | undefined =>
    new RegExp(`^${key}="?([a-z0-9-]+)"?$`, 'm').exec(text)?.[1];
  return value('ID') === 'debian' ? value('VERSION_CODENAME') : undefined;
}

/** When the archive last changed the suite, in seconds: the time that its packages' files get at most. */
export async function releaseTime(archive: string, suite: string, folder: string): Promise<number> {
  const place = join(folder, 'InRelease');
  const address = `${archive.replace(/\/?$/, '/')}dists/${suite}/InRelease`;
  await run('/usr/lib/apt/apt-helper', ['download-file', address, place], { timeout: 120_000 }).catch(
    (error: unknown) => {
      throw unavailable(`cannot fetch the release file of Debian "${suite}"`, {
        code: 'no-suite',
        hint: `check that the suite exists and that "apt-get update" works on this machine`,
        cause: error,
      });
    },
  );
  const date = /^Date: (.{10,60})$/m.exec(await readFile(place, 'utf8'))?.[1];
  const seconds = Date.parse(date ?? '') / 1000;
  if (!Number.isSafeInteger(seconds))
    throw unavailable(`the release file of Debian "${suite}" has no date`, { code: 'no-suite' });
  return seconds;
}
