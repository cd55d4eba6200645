import { mkdtemp, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { hostPlatform } from '../../../foundation/oci/platform.ts';
import type { ImageSettings } from '../context.ts';
import { aptSources, releaseTime } from './apt-sources.ts';
import { startProgram } from './program.ts';
import { fixedEpoch, standardPath } from './reproducible.ts';
import type { Rootfs } from './rootfs.ts';
import { withoutDevices } from './without-devices.ts';

export interface DebianImage {
  suite: string;
  /** Without manuals, translations and documentation. */
  slim: boolean;
}

/** `debian:bookworm`, `debian:trixie-slim`. */
export function parseDebian(what: string): DebianImage | undefined {
  const [, suite, slim] = /^debian:([a-z]+(?:-[a-z]+)*?)(-slim)?$/.exec(what) ?? [];
  return suite === undefined ? undefined : { suite, slim: slim !== undefined };
}

/** As Debian's own slim images leave out; licences stay. */
const slimOptions = [
  'path-exclude=/usr/share/man/*',
  'path-exclude=/usr/share/info/*',
  'path-exclude=/usr/share/locale/*',
  'path-exclude=/usr/share/doc/*',
  'path-include=/usr/share/doc/*/copyright',
];

/** What the machine's name, resolver and the run itself leave behind. */
const cleanUp = [
  'cd "$1"',
  'rm -f etc/hostname etc/resolv.conf etc/machine-id etc/passwd- etc/group- etc/shadow- etc/gshadow-',
  'rm -f var/lib/dbus/machine-id var/cache/debconf/*-old var/lib/dpkg/*-old var/cache/apt/*.bin',
  'rm -f var/cache/ldconfig/aux-cache var/log/*.log var/log/apt/*',
  ': > etc/machine-id',
].join(' && ');

/**
 * A minimal Debian from the machine's mirrors. mmdebstrap runs in mount and process namespaces of its own; packages are verified by apt with
 * the machine's keys.
 */
export async function debianRootfs(
  settings: Pick<ImageSettings, 'temporaryDirectory' | 'sourceDateEpoch'>,
  { suite, slim }: DebianImage,
  options: { onLine?: (line: string) => void; signal?: AbortSignal },
): Promise<Rootfs> {
  await using undo = new AsyncDisposableStack();
  const folder = await mkdtemp(join(settings.temporaryDirectory, 'bootstrap-'));
  undo.defer(() => rm(folder, { recursive: true, force: true }));
  const { lines, archive } = await aptSources(suite);
  const epoch =
    settings.sourceDateEpoch ?? (archive ? await releaseTime(archive, suite, folder) : fixedEpoch);
  const program = undo.use(
    startProgram({
      file: 'mmdebstrap',
      args: [
        '--mode=unshare',
        '--variant=minbase',
        '--format=tar',
        '--verbose',
        '--aptopt=Acquire::Languages "none"',
        ...(slim ? slimOptions.map((option) => `--dpkgopt=${option}`) : []),
        `--customize-hook=${cleanUp}`,
        suite,
        '-',
        ...lines,
      ],
      env: { TMPDIR: folder, SOURCE_DATE_EPOCH: String(epoch) },
      hint: 'apt-get install mmdebstrap',
      ...options,
    }),
  );
  const held = undo.move();
  return {
    image: {
      tar: withoutDevices(program.stdout),
      platform: hostPlatform(),
      run: { Env: [`PATH=${standardPath}`], Cmd: ['bash'] },
      createdAtMs: epoch * 1000,
      createdBy: `silo image bootstrap debian:${suite}${slim ? '-slim' : ''}`,
      comment: 'made of Debian packages',
    },
    finished: program.finished,
    name: `debian:${suite}${slim ? '-slim' : ''}`,
    [Symbol.asyncDispose]: () => held[Symbol.asyncDispose](),
  };
}
