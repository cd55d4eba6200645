import { posix } from 'node:path';
import {
  contentPadding,
  endOfArchive,
  formatMember,
  type TarMember,
} from '../../../foundation/archive/tar-writer.ts';
import { corrupt } from '../../../foundation/base/errors.ts';
import { readFacts, readMembers, type PackageMember } from './read-package.ts';
import { certificateBundle, distrolessBase, type GivenMember } from './distroless-base.ts';

export interface MergeRequest {
  /** The .deb files in the order in which they are put in. */
  files: readonly string[];
  architecture: string;
  epochSeconds: number;
  onPackage?: (name: string, done: number) => void;
  signal?: AbortSignal;
}

const certificates = /^usr\/share\/ca-certificates\/.+\.crt$/;
const maximumCertificates = 64 << 20;

/**
 * The files of packages on one empty root, as a tar that depends on the packages and the time only. No script of theirs runs: what the scripts of base
 * packages would make (accounts, the bundle of certificates, links of the merged /usr) is made here. Documentation stays out, licences stay in.
 */
export async function* mergePackages(request: MergeRequest): AsyncGenerator<Uint8Array> {
  const { files, architecture, epochSeconds, onPackage, signal } = request;
  const seen = new Set<string>();
  const trusted = new Map<string, Buffer>();
  const write = function* (member: GivenMember): Generator<Uint8Array> {
    if (seen.has(member.path)) return;
    for (const parent of parentsOf(member.path))
      if (!seen.has(parent)) yield* write({ type: 'directory', path: parent, mode: 0o755 });
    seen.add(member.path);
    yield* formatGiven(member, epochSeconds);
  };
  for (const member of distrolessBase(architecture)) yield* write(member);
  let done = 0;
  for (const file of files) {
    const { name, control, sums } = await readFacts(file, signal);
    onPackage?.(name, ++done);
    for await (const member of readMembers(file, signal)) {
      const given = toGiven(member);
      if (given === undefined) continue;
      if (certificates.test(given.path) && given.content) keep(trusted, given.path, given.content);
      yield* write(given);
    }
    // Scanners look for packages here where there is no dpkg.
    const status = `var/lib/dpkg/status.d/${name}`;
    yield* write(textFile(status, `${control.trimEnd()}\nStatus: install ok installed\n`));
    if (sums !== '') yield* write(textFile(`${status}.md5sums`, sums));
  }
  if (trusted.size > 0)
    yield* write(textFile('etc/ssl/certs/ca-certificates.crt', certificateBundle(trusted)));
  yield endOfArchive;
}

const textFile = (path: string, text: string): GivenMember => ({
  type: 'file',
  path,
  mode: 0o644,
  content: Buffer.from(text),
});

function keep(trusted: Map<string, Buffer>, path: string, content: Buffer): void {
  const held = [...trusted.values()].reduce((sum, { length }) => sum + length, content.length);
  if (held > maximumCertificates) throw corrupt('the certificates are too large');
  trusted.set(path, content);
}

function toGiven({ entry, content }: PackageMember): GivenMember | undefined {
  const path = placeOf(entry.name);
  if (path === '' || isLeftOut(path)) return undefined;
  const owner = { mode: entry.mode & 0o7777, mtime: entry.mtime, uid: entry.uid, gid: entry.gid };
  switch (entry.type) {
    case 'directory':
      return { ...owner, type: 'directory', path };
    case 'file':
      return { ...owner, type: 'file', path, content };
    case 'symlink':
      return { ...owner, type: 'symlink', path, target: entry.linkName };
    case 'hardlink':
      return { ...owner, type: 'hardlink', path, target: placeOf(entry.linkName) };
    case 'char':
    case 'block':
    case 'fifo':
      return undefined;
  }
}

/** Where a member lies when `/bin`, `/sbin` and `/lib*` are links into `/usr`; dpkg follows the same links. */
function placeOf(name: string): string {
  const path = posix.normalize(`/${name}`).replace(/\/+$/, '').slice(1);
  return /^(?:bin|sbin|lib|lib32|lib64|libx32)(?:\/|$)/.test(path) ? `usr/${path}` : path;
}

/** As Debian's slim images leave out. */
function isLeftOut(path: string): boolean {
  if (/^usr\/share\/(?:man|info|locale|lintian|bug)(?:\/|$)/.test(path)) return true;
  return /^usr\/share\/doc\/[^/]+\/(?!copyright$)/.test(path) || path === 'dev' || path.startsWith('dev/');
}

function parentsOf(path: string): string[] {
  const parents: string[] = [];
  for (let at = path.indexOf('/'); at > 0; at = path.indexOf('/', at + 1)) parents.push(path.slice(0, at));
  return parents;
}

function* formatGiven(member: GivenMember, epochSeconds: number): Generator<Uint8Array> {
  const { mtime } = member;
  const common: Omit<TarMember, 'type'> = {
    name: member.path,
    mode: member.mode,
    uid: member.uid ?? 0,
    gid: member.gid ?? 0,
    mtime: mtime && mtime.sec < epochSeconds ? { sec: mtime.sec, nsec: 0 } : { sec: epochSeconds, nsec: 0 },
  };
  switch (member.type) {
    case 'directory':
      yield formatMember({ ...common, type: 'directory' });
      return;
    case 'symlink':
    case 'hardlink':
      yield formatMember({ ...common, type: member.type, linkName: member.target });
      return;
    case 'file':
      yield formatMember({ ...common, type: 'file', size: member.content.length });
      yield member.content;
      yield contentPadding(member.content.length);
  }
}
