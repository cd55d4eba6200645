import { mkdir, readdir, rename } from 'node:fs/promises';
import { basename, join } from 'node:path';
import type { Damage, MoveAside } from '../../foundation/base/damage.ts';
import { conflict, toSiloError } from '../../foundation/base/errors.ts';
import { randomHexId } from '../../foundation/base/ids.ts';
import type { Log } from '../../foundation/base/log.ts';
import type { Volumes } from '../../resources/volume/volume.ts';
import type { DiskCommands, DiskFinding } from './disk.ts';

const lostFolder = 'lost+found';

/** Runs all checks, one after the other, and repairs each finding at once. One check at a time. */
export function createDiskCheck(deps: {
  dataRoot: string;
  containers: (options: { moveAside: MoveAside }) => AsyncIterable<Damage>;
  images: (options: { moveAside: MoveAside; rehash: boolean }) => AsyncIterable<Damage>;
  volumes: Volumes;
  log: Log;
}): DiskCommands['check'] {
  const { dataRoot, containers, images, volumes, log } = deps;
  const moveAside = createMoveAside(dataRoot);
  let isBusy = false;
  return async ({ repair, rehash, signal }) => {
    if (isBusy) throw conflict('a check of the disk is already running', { code: 'check-running' });
    isBusy = true;
    try {
      const findings: DiskFinding[] = [];
      const all = [
        containers({ moveAside }),
        checkVolumes(volumes, join(dataRoot, 'volumes')),
        images({ moveAside, rehash }),
      ];
      for (const damages of all)
        for await (const damage of damages) {
          signal?.throwIfAborted();
          findings.push(await settle(damage, repair, log));
        }
      return findings;
    } finally {
      isBusy = false;
    }
  };
}

async function settle(damage: Damage, repair: boolean, log: Log): Promise<DiskFinding> {
  const { kind, subject, message } = damage;
  const finding = { kind, subject, message, repairable: damage.repair !== undefined, repaired: false };
  if (!repair || !damage.repair) return finding;
  try {
    const done = await damage.repair();
    log.info(`repaired: ${message}`, { kind, subject });
    // Not the place of what was moved aside.
    const note = typeof done === 'string' && !done.startsWith('/') ? ` (${done})` : '';
    return { ...finding, message: message + note, repaired: true };
  } catch (error) {
    return { ...finding, message: `${message} (repairing failed: ${toSiloError(error).message})` };
  }
}

function createMoveAside(dataRoot: string): MoveAside {
  const folder = join(dataRoot, lostFolder);
  return async (path) => {
    await mkdir(folder, { recursive: true, mode: 0o700 });
    const place = join(folder, `${basename(path)}.${randomHexId().slice(0, 8)}`);
    try {
      await rename(path, place);
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
    }
    return place;
  };
}

async function* checkVolumes(volumes: Volumes, directory: string): AsyncGenerator<Damage> {
  const known = new Set(volumes.list().map(({ name }) => name));
  const found = new Set(await readdir(directory));
  for (const name of found) {
    if (known.has(name) || name.startsWith('.') || isKnownNow(volumes, name)) continue;
    yield {
      kind: 'orphan-volume',
      subject: name,
      message: `${join(directory, name)} has no record; repairing makes it the volume ${name}, with its content`,
      repair: () => volumes.create({ name }),
    };
  }
  for (const { name, mountpoint } of volumes.list())
    if (known.has(name) && !found.has(name))
      yield {
        kind: 'missing-volume-folder',
        subject: name,
        message: `the folder of volume ${name} is missing: its content is lost; repairing makes an empty one`,
        repair: () => mkdir(mountpoint, { recursive: true, mode: 0o755 }),
      };
}

function isKnownNow(volumes: Volumes, name: string): boolean {
  return volumes.list().some((volume) => volume.name === name);
}
