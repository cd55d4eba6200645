import { expect, test } from 'bun:test';
import { spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

const isRoot = process.getuid?.() === 0;
if (!isRoot) console.log('skipped: a chroot with mounts of its own needs root');

const source = join(import.meta.dir, '../../src');
const program = `
  import { ensureMountedRoot } from '${source}/bin/mounted-root.ts';
  import { isMountPoint, mountInfo } from '${source}/foundation/kernel/mount-info.ts';
  import { bindMount } from '${source}/foundation/kernel/mount.ts';
  const before = isMountPoint('/');
  process.chdir('/tmp');
  ensureMountedRoot('/run/engine');
  const found = mountInfo().filter(({ target }) => target.startsWith('/kept')).length;
  if (found === 0) bindMount({ source: '/tmp', target: '/kept' });
  console.log(JSON.stringify({ before, after: isMountPoint('/'), folder: process.cwd(), found }));
`;

/** Builds a tree of bind mounts in a mount namespace of its own and runs the program in it twice, as two daemons would start. */
const script = `
  set -e
  for name in usr bin sbin lib lib64 proc dev tmp etc; do
    [ -e "/$name" ] || continue
    mkdir -p "$TREE/$name"
    mount --rbind "/$name" "$TREE/$name"
  done
  mkdir -p "$TREE/run" "$TREE/kept" "$TREE$CLONE"
  mount --bind "$CLONE" "$TREE$CLONE"
  chroot "$TREE" "$BUN" -e "$PROGRAM"
  chroot "$TREE" "$BUN" -e "$PROGRAM"
`;

test.skipIf(!isRoot)(
  'in a plain chroot the root becomes a mount point, and a later daemon finds its mounts',
  () => {
    const folder = mkdtempSync(join(tmpdir(), 'silo-chroot-'));
    const tree = join(folder, 'tree');
    mkdirSync(tree);
    try {
      const { status, stdout, stderr } = spawnSync(
        'unshare',
        ['--mount', '--propagation', 'private', 'sh', '-c', script],
        {
          env: {
            PATH: process.env['PATH'],
            TREE: tree,
            CLONE: join(source, '..'),
            BUN: process.execPath,
            PROGRAM: program,
          },
          encoding: 'utf8',
        },
      );
      expect({ status, stderr }).toEqual({ status: 0, stderr: '' });
      const answers = stdout
        .trim()
        .split('\n')
        .map((line) => JSON.parse(line) as object);
      const seen = { before: false, after: true, folder: '/tmp' };
      expect(answers).toEqual([
        { ...seen, found: 0 },
        { ...seen, found: 1 },
      ]);
    } finally {
      rmSync(folder, { recursive: true, force: true });
    }
  },
);
