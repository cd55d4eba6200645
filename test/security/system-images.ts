import { existsSync } from 'node:fs';
import { copyFile, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { TestEngine } from '../e2e/harness.ts';
import { importServiceImage, insist } from '../e2e/service-images.ts';

const applets = ['sh', 'cat', 'mkdir', 'sleep', 'httpd', 'wget', 'ps', 'grep'];
const folders = ['bin', 'sbin', 'etc', 'tmp', 'run', 'usr/bin', 'usr/lib/systemd/system', 'var/log'];

async function addBusybox(root: string): Promise<void> {
  await copyFile('/bin/busybox', join(root, 'bin/busybox'));
  for (const name of applets) await symlink('busybox', join(root, 'bin', name));
  await writeFile(join(root, 'etc/passwd'), 'root:x:0:0:root:/root:/bin/sh\n');
}

/** BusyBox as init, with a service of its own and words for the end. */
export const importBusyboxInit = (engine: TestEngine): Promise<void> =>
  importServiceImage(
    engine,
    { name: 'busybox-init', folders, changes: ['CMD ["/sbin/init"]'] },
    async (root) => {
      await addBusybox(root);
      await symlink('/bin/busybox', join(root, 'sbin/init'));
      const lines = [
        '::sysinit:/bin/sh -c "echo begun"',
        '::respawn:/bin/httpd -f -p 80 -h /etc',
        '::shutdown:/bin/sh -c "echo ended"',
      ];
      await writeFile(join(root, 'etc/inittab'), `${lines.join('\n')}\n`);
      return ['/bin/sh'];
    },
  );

const systemd = '/usr/lib/systemd/systemd';
export const missingSystemd = existsSync(systemd) ? undefined : `${systemd} is not installed`;

/** This machine's systemd with the targets on the way up and down, and one service. */
export const importSystemd = (engine: TestEngine): Promise<void> =>
  importServiceImage(engine, { name: 'systemd', folders, changes: ['CMD ["/sbin/init"]'] }, async (root) => {
    await addBusybox(root);
    const programs = [systemd, '/usr/lib/systemd/systemd-shutdown', '/usr/bin/systemctl'];
    for (const path of programs) await copyFile(path, join(root, path));
    const names =
      'basic sysinit multi-user shutdown umount final exit halt poweroff sockets timers paths slices local-fs local-fs-pre swap';
    const units = names.split(' ').map((name) => `${name}.target`);
    for (const unit of [...units, 'systemd-halt.service', 'systemd-poweroff.service', 'systemd-exit.service'])
      await copyFile(`/usr/lib/systemd/system/${unit}`, join(root, 'usr/lib/systemd/system', unit));
    await symlink(systemd, join(root, 'sbin/init'));
    await writeFile(join(root, 'etc/os-release'), 'ID=test\n');
    await writeFile(join(root, 'etc/machine-id'), '');
    const own = join(root, 'etc/systemd/system');
    await insist(['mkdir', '-p', join(own, 'multi-user.target.wants')]);
    await symlink('/usr/lib/systemd/system/multi-user.target', join(own, 'default.target'));
    await writeFile(join(own, 'web.service'), '[Service]\nExecStart=/bin/httpd -f -p 80 -h /etc\n');
    await symlink('../web.service', join(own, 'multi-user.target.wants/web.service'));
    return programs;
  });
