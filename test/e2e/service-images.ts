import { copyFile, mkdir, mkdtemp, realpath, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import type { TestEngine } from './harness.ts';
import { run } from './run.ts';

/** `redis-server` under the name by which Debian's redis-tools, which start no service, bring the same program. */
export const redisServer = '/usr/bin/redis-check-rdb';

/** Imports a folder that `fill` fills, with the shared libraries of the programs that it names. `changes` are words of a Dockerfile. */
export async function importServiceImage(
  engine: TestEngine,
  image: { name: string; folders: readonly string[]; changes: readonly string[] },
  fill: (root: string) => Promise<readonly string[]>,
): Promise<void> {
  const folder = await mkdtemp(join(tmpdir(), 'silo-service-'));
  try {
    const root = join(folder, 'root');
    for (const name of image.folders) await mkdir(join(root, name), { recursive: true });
    for (const path of await librariesOf(await fill(root))) {
      await mkdir(join(root, dirname(path)), { recursive: true });
      await copyFile(await realpath(path), join(root, path));
    }
    const archive = join(folder, 'image.tar');
    await insist(['tar', '-C', root, '-cf', archive, '.']);
    const words = image.changes.flatMap((each) => ['--change', each]);
    const imported = await engine.silo('image', 'import', ...words, archive, image.name);
    if (imported.code !== 0) throw new Error(`import: ${imported.stderr}`);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

/** Standard output of a program that must succeed. */
export async function insist(command: string[]): Promise<string> {
  const { code, stdout, stderr } = await run(command);
  if (code !== 0) throw new Error(`${command.join(' ')}: ${stderr}`);
  return stdout;
}

/** Shared libraries and the loader, at the paths where the programs look for them. */
async function librariesOf(programs: readonly string[]): Promise<string[]> {
  const told = await insist(['ldd', ...programs]);
  return [...new Set([...told.matchAll(/(?:=> )?(\/\S+) \(0x/g)].map(([, path]) => path ?? ''))];
}
