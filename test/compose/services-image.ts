import { existsSync } from 'node:fs';
import { copyFile, realpath, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { TestEngine } from '../e2e/harness.ts';
import { importServiceImage, insist, redisServer } from '../e2e/service-images.ts';

const python = '/usr/bin/python3';
const needed = [redisServer, '/usr/bin/redis-cli', python, '/bin/busybox'];

/** Why the image cannot be made on this machine, or undefined. */
export const missingPrograms: string | undefined = needed.every((path) => existsSync(path))
  ? undefined
  : `not installed: ${needed.filter((path) => !existsSync(path)).join(', ')} (sh install/setup.sh test)`;

export const servicesImage = 'services:local';

/** One image for all services: this machine's Python, redis and busybox with the libraries that they need, and the application. */
export const importServices = (engine: TestEngine): Promise<void> =>
  importServiceImage(
    engine,
    {
      name: servicesImage,
      folders: ['usr/bin', 'bin', 'etc', 'tmp', 'data', 'cache', 'app'],
      changes: [
        'ENV PATH=/usr/bin:/bin',
        'ENV PYTHONDONTWRITEBYTECODE=1',
        'EXPOSE 8000',
        'ENTRYPOINT ["python3","/app/service.py"]',
      ],
    },
    fill,
  );

async function fill(root: string): Promise<readonly string[]> {
  const real = await realpath(python);
  for (const [from, to] of [
    [redisServer, 'usr/bin/redis-server'],
    ['/usr/bin/redis-cli', 'usr/bin/redis-cli'],
    [real, 'usr/bin/python3'],
    ['/bin/busybox', 'bin/busybox'],
    [join(import.meta.dir, 'app/service.py'), 'app/service.py'],
  ] as const)
    await copyFile(from, join(root, to));
  for (const name of ['sh', 'cat', 'grep', 'ls', 'nslookup', 'sleep', 'env'])
    await symlink('busybox', join(root, 'bin', name));
  await writeFile(join(root, 'etc/passwd'), 'root:x:0:0:root:/root:/bin/sh\n');
  const version = (await insist([python, '-c', 'import sys; print("%d.%d" % sys.version_info[:2])'])).trim();
  const library = `usr/lib/python${version}`;
  const modules = [
    '_sqlite3',
    '_socket',
    '_json',
    '_struct',
    'select',
    '_ssl',
    '_hashlib',
    '_posixsubprocess',
    '_ctypes',
  ];
  const told = await insist(['ls', `/${library}/lib-dynload`]);
  const native = told.split('\n').filter((name) => modules.some((module) => name.startsWith(`${module}.`)));
  const skipped = [
    'test',
    'idlelib',
    'ensurepip',
    'dist-packages',
    'lib2to3',
    'pydoc_data',
    'config-*',
    'distutils',
  ];
  const exclude = [...skipped.map((name) => `${library}/${name}`), '__pycache__'].map(
    (each) => `--exclude=${each}`,
  );
  const copy = `tar -C / -cf - ${exclude.map((word) => `'${word}'`).join(' ')} ${library} | tar -C '${root}' -xf -`;
  await insist(['sh', '-c', copy]);
  return [
    redisServer,
    '/usr/bin/redis-cli',
    real,
    ...native.map((name) => `/${library}/lib-dynload/${name}`),
  ];
}
