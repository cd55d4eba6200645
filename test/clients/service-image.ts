import { existsSync } from 'node:fs';
import { copyFile, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { TestEngine } from '../e2e/harness.ts';
import { importServiceImage, redisServer } from '../e2e/service-images.ts';

const client = '/usr/bin/redis-cli';
const busybox = '/bin/busybox';

/** Why the service image cannot be made on this machine, or undefined. */
export const missingService: string | undefined = [redisServer, client, busybox].every((path) =>
  existsSync(path),
)
  ? undefined
  : 'redis-tools or busybox-static not installed (sh install/setup.sh test)';

export const redisImage = 'redis:local';

/** Debian's redis with the libraries it needs and a shell, imported by Silo: a service image that needs no registry and no mirror. */
export const importRedis = (engine: TestEngine): Promise<void> =>
  importServiceImage(
    engine,
    {
      name: redisImage,
      folders: ['usr/bin', 'bin', 'etc', 'tmp', 'data'],
      changes: [
        'ENV PATH=/usr/bin:/bin',
        'WORKDIR /data',
        'EXPOSE 6379',
        'CMD ["redis-server","--save","","--bind","0.0.0.0","--protected-mode","no"]',
      ],
    },
    async (root) => {
      await copyFile(redisServer, join(root, 'usr/bin/redis-server'));
      await copyFile(client, join(root, 'usr/bin/redis-cli'));
      await copyFile(busybox, join(root, 'bin/busybox'));
      for (const name of ['sh', 'cat', 'ls', 'wget', 'nc', 'sleep', 'echo', 'httpd', 'mkdir'])
        await symlink('busybox', join(root, 'bin', name));
      await writeFile(
        join(root, 'etc/passwd'),
        'root:x:0:0:root:/root:/bin/sh\nredis:x:999:999::/data:/bin/sh\n',
      );
      await writeFile(join(root, 'etc/group'), 'root:x:0:\nredis:x:999:\n');
      return [redisServer, client];
    },
  );
