import type { TarTime } from '../../../foundation/archive/pax.ts';

interface Given {
  /** Without a leading slash; one character a byte. */
  path: string;
  mode: number;
  uid?: number;
  gid?: number;
  /** At most the image's time, which is also what it is when absent. */
  mtime?: TarTime;
}

export type GivenMember = Given &
  (
    | { type: 'directory'; content?: undefined }
    | { type: 'file'; content: Buffer }
    | { type: 'symlink' | 'hardlink'; target: string; content?: undefined }
  );

/** What the scripts of Debian's base packages make on a real system, without a shell among it. */
export function distrolessBase(architecture: string): GivenMember[] {
  const folder = (path: string, mode = 0o755, owner = 0): GivenMember => ({
    type: 'directory',
    path,
    mode,
    uid: owner,
    gid: owner,
  });
  const text = (path: string, lines: readonly string[], mode = 0o644): GivenMember => ({
    type: 'file',
    path,
    mode,
    content: Buffer.from(`${lines.join('\n')}\n`),
  });
  const link = (path: string): GivenMember => ({ type: 'symlink', path, mode: 0o777, target: `usr/${path}` });
  return [
    ...['bin', 'lib', ...(architecture === 'amd64' ? ['lib64'] : []), 'sbin'].map(link),
    folder('dev'),
    folder('etc'),
    text('etc/group', [
      'root:x:0:',
      'tty:x:5:',
      'shadow:x:42:',
      'staff:x:50:',
      'www-data:x:33:',
      'nonroot:x:65532:',
      'nogroup:x:65534:',
    ]),
    text('etc/nsswitch.conf', ['passwd: files', 'group: files', 'shadow: files', 'hosts: files dns']),
    text('etc/passwd', [
      'root:x:0:0:root:/root:/sbin/nologin',
      'www-data:x:33:33:www-data:/var/www:/sbin/nologin',
      'nonroot:x:65532:65532:nonroot:/home/nonroot:/sbin/nologin',
      'nobody:x:65534:65534:nobody:/nonexistent:/sbin/nologin',
    ]),
    text('etc/shadow', ['root:*:::::::', 'www-data:*:::::::', 'nonroot:*:::::::', 'nobody:*:::::::'], 0o640),
    folder('home'),
    folder('home/nonroot', 0o700, 65532),
    folder('proc', 0o555),
    folder('root', 0o700),
    folder('run'),
    folder('sys', 0o555),
    folder('tmp', 0o1777),
    folder('usr'),
    ...['bin', 'lib', 'lib64', 'sbin'].map((name) => folder(`usr/${name}`)),
    folder('var'),
    folder('var/tmp', 0o1777),
    folder('var/lib/dpkg/status.d'),
  ];
}

/** As update-ca-certificates(8) writes it: all of them, one behind the other. */
export function certificateBundle(files: ReadonlyMap<string, Buffer>): string {
  return [...files]
    .toSorted(([a], [b]) => (a < b ? -1 : 1))
    .map(([, content]) => `${content.toString('latin1').trim()}\n`)
    .join('');
}
