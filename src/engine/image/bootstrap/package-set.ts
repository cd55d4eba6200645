import { mkdir, readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { invalid } from '../../../foundation/base/errors.ts';
import { patience, parseReleaseDate } from './apt-sources.ts';
import { aptFailure } from './explain-apt.ts';
import { type ProgramRequest, runProgram } from './program.ts';

/** Packages that every set has: who it is, time zones, names of services, certificate authorities. */
const always = ['base-files', 'ca-certificates', 'netbase', 'tzdata'];

/**
 * What only installs and configures other packages, or is the shell that their scripts want. A set counts them as there, so that nothing drags them
 * in; who names one gets it.
 */
const assumed = (
  'adduser apt base-passwd bash bsdutils coreutils dash debconf debianutils diffutils dpkg findutils gawk grep gzip hostname ' +
  'init-system-helpers install-info libc-bin login mawk mount ncurses-bin openssl original-awk passwd perl-base sed ' +
  'sensible-utils sysvinit-utils tar ucf util-linux'
).split(' ');

const provides: Readonly<Record<string, string>> = { mawk: 'awk', debconf: 'debconf-2.0' };

export interface PackageSet {
  /** The .deb files, sorted by the names of their packages. */
  files: string[];
  epochSeconds?: number;
}

export interface PackageSetRequest {
  /** Empty folder, removed by the caller. */
  folder: string;
  /** Lines of a sources.list. */
  sources: readonly string[];
  packages: readonly string[];
  architecture: string;
  onLine?: (line: string) => void;
  signal?: AbortSignal;
}

export function checkPackages(packages: readonly string[]): void {
  // deb-control(5): names of packages.
  for (const name of packages)
    if (!/^[a-z0-9][a-z0-9+.-]{1,127}$/.test(name))
      throw invalid(`"${name.slice(0, 80)}" is no name of a package`, { code: 'no-package' });
  if (packages.length > 1000) throw invalid('more than 1000 packages', { code: 'no-package' });
}

/**
 * Lets the machine's apt choose, fetch and verify the packages with what they need, into a state of their own: the machine's own packages are neither
 * asked nor touched.
 */
export async function downloadPackages(request: PackageSetRequest): Promise<PackageSet> {
  const { folder, sources, architecture } = request;
  checkPackages(request.packages);
  const at = (name: string): string => join(folder, name);
  for (const name of ['state/lists/partial', 'cache/archives/partial', 'none'])
    await mkdir(at(name), { recursive: true });
  const wanted = new Set([...always, ...request.packages]);
  const present = assumed.filter((name) => !wanted.has(name));
  await writeFile(at('status'), present.map((name) => stanzaOf(name, architecture)).join('\n'));
  // Files are copied, so that all packages end in one folder.
  const lines = sources.map((line) => line.replace(/^(deb (?:\[[^\]]*\] )?)file:/, '$1copy:'));
  await writeFile(at('sources.list'), `${lines.join('\n')}\n`);
  const options = [
    ...patience,
    '-q',
    `-oDir::State=${at('state')}`,
    `-oDir::State::status=${at('status')}`,
    `-oDir::Cache=${at('cache')}`,
    `-oDir::Etc::sourcelist=${at('sources.list')}`,
    `-oDir::Etc::sourceparts=${at('none')}`,
    '-oDir::Etc::preferences=/dev/null',
    `-oDir::Etc::preferencesparts=${at('none')}`,
    `-oAPT::Architecture=${architecture}`,
    `-oAPT::Architectures=${architecture}`,
    '-oAPT::Install-Recommends=false',
    '-oAPT::Install-Suggests=false',
    '-oAcquire::Languages=none',
    '-oAcquire::IndexTargets::deb::Contents-deb::DefaultEnabled=false',
  ];
  const apt = async (...words: string[]): Promise<void> => {
    const program: ProgramRequest = {
      file: 'apt-get',
      args: [...options, ...words],
      env: { DEBIAN_FRONTEND: 'noninteractive' },
      hint: 'packages are fetched with apt: this works on Debian and Ubuntu',
      ...(request.onLine ? { onLine: request.onLine } : {}),
      ...(request.signal ? { signal: request.signal } : {}),
      explain: (last) => aptFailure(`apt-get ${words[0]}`, last),
    };
    await runProgram(program);
  };
  await apt('update', '--error-on=any');
  await apt('install', '--download-only', '--yes', ...[...wanted].toSorted());
  const archives = at('cache/archives');
  const files = (await readdir(archives)).filter((name) => name.endsWith('.deb')).toSorted();
  const epochSeconds = await newestRelease(at('state/lists'));
  return {
    files: files.map((name) => join(archives, name)),
    ...(epochSeconds === undefined ? {} : { epochSeconds }),
  };
}

/** deb822(5), as far as apt needs it to believe that the package is installed. */
function stanzaOf(name: string, architecture: string): string {
  const words = provides[name];
  return [
    `Package: ${name}`,
    'Status: install ok installed',
    'Maintainer: nobody',
    `Architecture: ${architecture}`,
    'Multi-Arch: foreign',
    'Version: 99:0',
    ...(words === undefined ? [] : [`Provides: ${words}`]),
    'Description: left out of this image',
    '',
  ].join('\n');
}

async function newestRelease(lists: string): Promise<number | undefined> {
  let newest: number | undefined;
  for (const name of await readdir(lists))
    if (/_(?:In)?Release$/.test(name)) {
      const text = await readFile(join(lists, name), 'utf8');
      if (/^Date: /m.test(text)) newest = Math.max(newest ?? 0, parseReleaseDate(text, name));
    }
  return newest;
}
