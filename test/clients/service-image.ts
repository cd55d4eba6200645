import { copyFile, mkdir, mkdtemp, realpath, rm, symlink, writeFile } from 'node:fs/promises';
import { existsSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import type { TestEngine } from '../e2e/harness.ts';
import { run } from '../e2e/run.ts';

/** `redis-server` under the name by which Debian's redis-tools, which start no service, bring the same program. */
const server = '/usr/bin/redis-check-rdb';
const client = '/usr/bin/redis-cli';
const busybox = '/bin/busybox';

/** Why the service image cannot be made on this machine, or undefined. */
export const missingService: string | undefined = [server, client, busybox].every((path) => existsSync(path))
  ? undefined
  : 'redis-tools or busybox-static not installed (sh install/setup.sh test)';

export const redisImage = 'redis:local';

/** Debian's redis with the libraries it needs and a shell, imported by Silo: a service image that needs no registry and no mirror. */
export async function importRedis(engine: TestEngine): Promise<void> {
  const folder = await mkdtemp(join(tmpdir(), 'silo-redis-'));
  try {
    const root = join(folder, 'root');
    for (const name of ['usr/bin', 'bin', 'etc', 'tmp', 'data'])
      await mkdir(join(root, name), { recursive: true });
    await copyFile(server, join(root, 'usr/bin/redis-server'));
    await copyFile(client, join(root, 'usr/bin/redis-cli'));
    await copyFile(busybox, join(root, 'bin/busybox'));
    for (const name of ['sh', 'cat', 'ls', 'wget', 'nc', 'sleep', 'echo', 'httpd', 'mkdir'])
      await symlink('busybox', join(root, 'bin', name));
    await writeFile(
      join(root, 'etc/passwd'),
      'root:x:0:0:root:/root:/bin/sh\nredis:x:999:999::/data:/bin/sh\n',
    );
    await writeFile(join(root, 'etc/group'), 'root:x:0:\nredis:x:999:\n');
    for (const library of await librariesOf(server, client)) {
      await mkdir(join(root, dirname(library)), { recursive: true });
      await copyFile(await realpath(library), join(root, library));
    }
    const archive = join(folder, 'redis.tar');
    await insist(['tar', '-C', root, '-cf', archive, '.']);
    const settings = [
      'ENV PATH=/usr/bin:/bin',
      'WORKDIR /data',
      'EXPOSE 6379',
      'CMD ["redis-server","--save","","--bind","0.0.0.0","--protected-mode","no"]',
    ];
    const words = settings.flatMap((each) => ['--change', each]);
    const imported = await engine.silo('image', 'import', ...words, archive, redisImage);
    if (imported.code !== 0) throw new Error(`import: ${imported.stderr}`);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

/** Shared libraries and the loader, at the paths where the program looks for them. */
async function librariesOf(...programs: string[]): Promise<string[]> {
  const told = await insist(['ldd', ...programs]);
  return [...new Set([...told.matchAll(/(?:=> )?(\/\S+) \(0x/g)].map(([, path]) => path ?? ''))];
}

async function insist(command: string[]): Promise<string> {
  const { code, stdout, stderr } = await run(command);
  if (code !== 0) throw new Error(`${command.join(' ')}: ${stderr}`);
  return stdout;
}
