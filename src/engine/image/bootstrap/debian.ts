import { mkdtemp, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { hostPlatform } from '../../../foundation/oci/platform.ts';
import type { ImageSettings } from '../context.ts';
import { aptSources, type SourceWishes } from './apt-sources.ts';
import { explainApt } from './explain-apt.ts';
import { startProgram } from './program.ts';
import { lineProgress } from './program-progress.ts';
import { fixedEpoch, standardPath } from './reproducible.ts';
import type { MakeOptions, Rootfs } from './rootfs.ts';
import { titleOf } from './suites.ts';
import { withoutDevices } from './without-devices.ts';

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
 * A minimal Debian or Ubuntu from the machine's mirrors. mmdebstrap runs in mount and process namespaces of its own; packages are verified by apt with
 * the distribution's keys.
 */
export async function debianRootfs(
  settings: Pick<ImageSettings, 'temporaryDirectory' | 'sourceDateEpoch'>,
  wishes: SourceWishes & { slim: boolean; name: string; packages: readonly string[] },
  options: MakeOptions,
): Promise<Rootfs> {
  await using undo = new AsyncDisposableStack();
  const folder = await mkdtemp(join(settings.temporaryDirectory, 'bootstrap-'));
  undo.defer(() => rm(folder, { recursive: true, force: true }));
  const { lines, epochSeconds } = await aptSources(wishes, folder);
  const epoch = settings.sourceDateEpoch ?? epochSeconds ?? fixedEpoch;
  const packages = wishes.packages.toSorted().join(',');
  const program = undo.use(
    startProgram({
      file: 'mmdebstrap',
      args: [
        '--mode=unshare',
        '--variant=minbase',
        '--format=tar',
        '--verbose',
        '--aptopt=Acquire::Languages "none"',
        ...(packages === '' ? [] : [`--include=${packages}`]),
        ...(wishes.slim ? slimOptions.map((option) => `--dpkgopt=${option}`) : []),
        `--customize-hook=${cleanUp}`,
        wishes.suite,
        '-',
        ...lines,
      ],
      env: { TMPDIR: folder, SOURCE_DATE_EPOCH: String(epoch) },
      hint: 'apt-get install mmdebstrap',
      onLine: lineProgress(options),
      explain: explainApt,
      ...(options.signal ? { signal: options.signal } : {}),
    }),
  );
  const held = undo.move();
  return {
    image: {
      tar: withoutDevices(program.stdout),
      platform: hostPlatform(),
      run: { Env: [`PATH=${standardPath}`], Cmd: ['bash'] },
      createdAtMs: epoch * 1000,
      createdBy: `silo image bootstrap ${wishes.name}${packages === '' ? '' : ` --packages ${packages}`}`,
      comment: `made of ${titleOf(wishes.distribution)} packages`,
    },
    finished: program.finished,
    name: wishes.name,
    [Symbol.asyncDispose]: () => held[Symbol.asyncDispose](),
  };
}
