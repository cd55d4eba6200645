/** A row of the list of attacks that an engine must be immune to, and the tests that try it. */
export interface AttackRow {
  row: string;
  name: string;
  here: string;
  /** `test` is a part of the test's name; that it is there is itself tested. */
  tests: readonly { file: string; test: string }[];
}

const security = 'test/e2e/security.test.ts';
const files = 'test/files/attacks.test.ts';
const here = 'test/attacks/attacks.test.ts';
const registry = 'test/registry/registry-client.test.ts';
const layers = 'src/foundation/archive/apply.root.test.ts';

const row = (
  number: string,
  name: string,
  outcome: string,
  ...tests: readonly (readonly [file: string, test: string])[]
): AttackRow => ({ row: number, name, here: outcome, tests: tests.map(([file, test]) => ({ file, test })) });

const none = 'does not exist here: ';

export const attackRows: readonly AttackRow[] = [
  row(
    '1',
    'CVE-2019-5736: the runtime overwritten through `/proc/self/exe`',
    'crun runs from a sealed copy',
    [security, 'row 1:'],
  ),
  row('2', 'CVE-2024-21626: a working directory in `/proc/self/fd`', 'stays inside or is refused', [
    security,
    'row 2:',
  ]),
  row(
    '3',
    'CVE-2025-31133: `/dev/null` swapped while paths are masked',
    'nobody but the runtime fills `/dev`',
    [here, 'rows 3, 4 and 7:'],
    [here, 'row 3:'],
  ),
  row('4', 'CVE-2025-52565: `/dev/console` swapped', 'nobody but the runtime fills `/dev/pts`', [
    here,
    'rows 3, 4 and 7:',
  ]),
  row('5', 'CVE-2025-52881: writes to `/proc` led elsewhere', 'nothing can be mounted in `/proc`', [
    here,
    'row 5:',
  ]),
  row(
    '6',
    'CVE-2026-47766, CVE-2026-41579: an image’s `/dev` is a link',
    'a layer of our own is above every image',
    [security, 'row 6:'],
  ),
  row(
    '7',
    'CVE-2026-88264, CVE-2026-88265: links in a `/dev` without a mount',
    'every container gets a mounted `/dev`',
    ['src/resources/spec/to-spec.test.ts', 'every spec mounts /dev'],
    [here, 'rows 3, 4 and 7:'],
  ),
  row('8', 'CVE-2026-30892: `exec -u 1` is root', 'users go to the runtime as numbers', [security, 'row 8:']),
  row('9', 'CVE-2025-24965: `.krun_config.json` is a link', 'that handler cannot be chosen', [
    here,
    'row 9:',
  ]),
  row(
    '10',
    'CVE-2018-15664: a folder swapped for a link during `cp`',
    'paths are resolved in the container’s root',
    [files, 'who swaps a directory for a link'],
  ),
  row('11', 'CVE-2019-14271: `cp` loads libraries of the image', 'nothing of the container is executed', [
    files,
    'libnss and an xz that would run',
  ]),
  row('12', 'CVE-2026-41567: an upload is unpacked by the image’s `xz`', 'inflated in our own process', [
    files,
    'libnss and an xz that would run',
  ]),
  row(
    '13',
    'CVE-2026-41568, CVE-2026-42306, CVE-2021-30465: mount points through swapped links',
    'made and mounted in the container’s root',
    [files, 'whose image has links where volumes go'],
    ['test/volumes/mounts.test.ts', 'a folder that becomes a link while it is mounted'],
    [here, 'row 13:'],
  ),
  row(
    '14',
    'CVE-2026-17106, CVE-2025-47290, CVE-2021-32760, CVE-2025-58183: archives that lead out',
    'unpacked in a confined process, sizes bounded',
    [files, 'an archive that leads out'],
    [files, 'with a bomb'],
    [layers, 'links among parents are followed inside'],
    ['src/foundation/archive/compression.test.ts', 'a bomb is stopped'],
  ),
  row('15', 'CVE-2026-53488: labels of an image steer the engine', 'labels are data', [here, 'row 15:']),
  row('16', 'CVE-2026-47262, CVE-2024-9676: endless user files', 'regular files only, read to a bound', [
    security,
    'row 16:',
  ]),
  row('17', 'CVE-2024-40635, CVE-2026-46680: user numbers that wrap', 'refused', [security, 'row 17:']),
  row(
    '18, 19, 20',
    'CVE-2026-53489, CVE-2026-53492, CVE-2026-50195: hostile checkpoints',
    `${none}no checkpoints`,
    [here, 'rows 18 to 22:'],
  ),
  row(
    '21',
    'CVE-2024-41110, CVE-2026-34040: authorisation plugins do not see the body',
    `${none}no authorisation plugins; \`--authorization-plugin\` is refused`,
    [here, 'rows 18 to 22:'],
  ),
  row('22', 'CVE-2026-33997: a plugin gets more than was shown', `${none}no plugins`, [
    here,
    'rows 18 to 22:',
  ]),
  row(
    '23',
    'CVE-2022-0492: `release_agent` through a user namespace',
    'no mounts, no user namespaces',
    [security, 'row 23:'],
    [here, 'escapes from'],
  ),
  row('24', 'CVE-2020-15257: an abstract socket of the engine', 'sockets have paths and modes', [
    security,
    'row 24:',
  ]),
  row(
    '25',
    'CVE-2024-25621: state folders open to local users',
    'closed',
    [security, 'row 25:'],
    ['test/access/access.test.ts', 'lets the group of the socket in'],
  ),
  row(
    '26, 27',
    'CVE-2024-23651 to 23653, CVE-2024-1753, CVE-2024-9407 and others: builds that lead out',
    'contexts, stages, caches and repositories are read inside their roots; mount points are left out of layers, never removed; insecure steps need leave',
    ['test/build/building.test.ts', 'names and links of a hostile context'],
    ['test/build/copying.test.ts', 'folders on the way keep what they are in the base'],
    ['test/build/run-mounts.test.ts', 'links in a cache lead nowhere'],
    ['test/build/run-mounts.test.ts', 'a mount point that is swapped for a link'],
    ['test/build/run-mounts.test.ts', 'need leave for more than a sandbox'],
    ['test/build/sources.test.ts', 'that a program could take for something else are refused'],
  ),
  row(
    '28',
    'CVE-2022-1227: `top` runs a program of the image; line ends in `HOME`',
    '`top` reads `/proc`; user files are never written',
    [here, 'row 28:'],
  ),
  row('29', 'CVE-2025-62725: paths in artifacts of Compose', `${none}artifacts are not unpacked`),
  row(
    '30',
    'CVE-2026-33540, CVE-2026-48978, CVE-2026-35172, CVE-2026-53495: credentials sent elsewhere',
    'never to another host',
    [registry, 'the challenge cannot lead to files'],
    [registry, 'a redirect to another host carries no authorisation'],
    [registry, 'hostile token servers'],
    ['test/registry/tls.test.ts', 'cannot lead to plain HTTP'],
  ),
];
