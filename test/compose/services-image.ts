import { existsSync } from 'node:fs';
import { copyFile, mkdir, mkdtemp, realpath, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import type { TestEngine } from '../e2e/harness.ts';
import { run } from '../e2e/run.ts';

/** `redis-server` under the name by which Debian's redis-tools, which start no service, bring the same program. */
const redis = '/usr/bin/redis-check-rdb';
const python = '/usr/bin/python3';
const needed = [redis, '/usr/bin/redis-cli', python, '/bin/busybox'];

/** Why the image cannot be made on this machine, or undefined. */
export const missingPrograms: string | undefined = needed.every((path) => existsSync(path))
  ? undefined
  : `not installed: ${needed.filter((path) => !existsSync(path)).join(', ')} (sh install/setup.sh test)`;

export const servicesImage = 'services:local';

/** One image for all services: this machine's Python, redis and busybox with the libraries that they need, and the application. */
export async function importServices(engine: TestEngine): Promise<void> {
  const folder = await mkdtemp(join(tmpdir(), 'silo-services-'));
  try {
    const root = join(folder, 'root');
    for (const name of ['usr/bin', 'bin', 'etc', 'tmp', 'data', 'cache', 'app'])
      await mkdir(join(root, name), { recursive: true });
    const real = await realpath(python);
    for (const [from, to] of [
      [redis, 'usr/bin/redis-server'],
      ['/usr/bin/redis-cli', 'usr/bin/redis-cli'],
      [real, 'usr/bin/python3'],
      ['/bin/busybox', 'bin/busybox'],
      [join(import.meta.dir, 'app/service.py'), 'app/service.py'],
    ] as const)
      await copyFile(from, join(root, to));
    for (const name of ['sh', 'cat', 'grep', 'ls', 'nslookup', 'sleep', 'env'])
      await symlink('busybox', join(root, 'bin', name));
    await writeFile(join(root, 'etc/passwd'), 'root:x:0:0:root:/root:/bin/sh\n');
    const version = (
      await insist([python, '-c', 'import sys; print("%d.%d" % sys.version_info[:2])'])
    ).trim();
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
    const programs = [
      redis,
      '/usr/bin/redis-cli',
      real,
      ...native.map((name) => `/${library}/lib-dynload/${name}`),
    ];
    for (const path of await librariesOf(programs)) {
      await mkdir(join(root, dirname(path)), { recursive: true });
      await copyFile(await realpath(path), join(root, path));
    }
    const archive = join(folder, 'services.tar');
    await insist(['tar', '-C', root, '-cf', archive, '.']);
    const settings = [
      'ENV PATH=/usr/bin:/bin',
      'ENV PYTHONDONTWRITEBYTECODE=1',
      'EXPOSE 8000',
      'ENTRYPOINT ["python3","/app/service.py"]',
    ];
    const words = settings.flatMap((each) => ['--change', each]);
    const imported = await engine.silo('image', 'import', ...words, archive, servicesImage);
    if (imported.code !== 0) throw new Error(`import: ${imported.stderr}`);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

/** Shared libraries and the loader, at the paths where the programs look for them. */
async function librariesOf(programs: string[]): Promise<string[]> {
  const told = await insist(['ldd', ...programs]);
  return [...new Set([...told.matchAll(/(?:=> )?(\/\S+) \(0x/g)].map(([, path]) => path ?? ''))];
}

async function insist(command: string[]): Promise<string> {
  const { code, stdout, stderr } = await run(command);
  if (code !== 0) throw new Error(`${command.join(' ')}: ${stderr}`);
  return stdout;
}
