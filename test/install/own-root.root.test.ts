import { expect, test } from 'bun:test';
import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

const missing = process.getuid?.() !== 0 ? 'root' : existsSync('/bin/busybox') ? undefined : 'busybox-static';
if (missing) console.log(`skipped: a chroot with mounts of its own needs ${missing}`);

/** A tree of bind mounts in a mount namespace of its own, entered by a mere chroot. */
const script = `
  set -e
  for name in usr bin sbin lib lib64 proc dev etc tmp; do
    [ -e "/$name" ] || continue
    mkdir -p "$TREE/$name"
    mount --rbind "/$name" "$TREE/$name"
  done
  cp "$OWN_ROOT" "$TREE/own-root.sh"
  exec chroot "$TREE" sh -c '
    cd /usr
    unshare --user true 2>/dev/null && echo "user namespace before"
    exec sh /own-root.sh sh -c "
      pwd
      unshare --user true && echo user namespace
      ls /own-root.sh
      nsenter --mount=/proc/self/ns/mnt ls /own-root.sh
      ls -d /run/silo-outer 2>/dev/null
      exit 7
    "
  '
`;

test.skipIf(missing !== undefined)('in a chroot a command gets a namespace whose root the chroot is', () => {
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
          OWN_ROOT: join(import.meta.dir, '../../install/own-root.sh'),
        },
        encoding: 'utf8',
      },
    );
    expect(stderr).toBe('');
    expect(stdout.trim().split('\n')).toEqual(['/usr', 'user namespace', '/own-root.sh', '/own-root.sh']);
    expect(status).toBe(7);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
});
