import { closeSync, openSync } from 'node:fs';
import { mkdir, realpath, stat } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { invalid } from '../../../foundation/base/errors.ts';
import { closeDescriptor } from '../../../foundation/kernel/at.ts';
import { bindMount, makePrivate } from '../../../foundation/kernel/mount.ts';
import { openPlaceBelow } from '../../../foundation/kernel/rooted.ts';
import { isDirectory, knownStatus } from '../../../foundation/kernel/stat.ts';
import { isErrno } from '../../../foundation/kernel/syscall-error.ts';
import type { ResolvedMount } from '../container.ts';
import { makeSource, missingSource } from './mounts.ts';

/** The source's real path; a missing one is made where Docker makes it. */
export async function lookAt({ source, createSource }: ResolvedMount): Promise<string> {
  if (!(await stat(source).catch(() => undefined))) {
    if (!createSource) throw missingSource(source);
    await makeSource(source);
  }
  return await realpath(source);
}

/** What is there inside of the base now, mounted at the place. */
export async function pin(base: string, subpath: string, place: string): Promise<string> {
  const found = await openInside(base, subpath);
  try {
    await showAt(found, place);
  } finally {
    closeDescriptor(found);
  }
  makePrivate(place);
  return place;
}

/** A source without the mounts below it: runtimes take those along whatever they are told (crun 1.8). Events go in and out as at the source. */
export async function showAlone(source: string, place: string): Promise<string> {
  const found = await openPlaceBelow('/', source);
  try {
    await showAt(found, place);
  } finally {
    closeDescriptor(found);
  }
  return place;
}

export async function makePlace(fd: number, place: string): Promise<void> {
  await mkdir(dirname(place), { recursive: true, mode: 0o700 });
  if (isDirectory(knownStatus.descriptor(fd))) await mkdir(place, { recursive: true, mode: 0o700 });
  else closeSync(openSync(place, 'a', 0o600));
}

export async function showAt(fd: number, place: string): Promise<void> {
  await makePlace(fd, place);
  bindMount({ source: fd, target: place, recursive: false });
}

async function openInside(base: string, subpath: string): Promise<number> {
  try {
    return await openPlaceBelow(base, subpath);
  } catch (error) {
    const path = join(base, subpath);
    if (isErrno(error, 'ENOENT', 'ENOTDIR', 'ELOOP', 'ENAMETOOLONG'))
      throw invalid(`cannot access path ${path}: lstat ${path}: ${describe(error)}`, {
        code: 'missing-subpath',
        hint: 'make it in the volume first: the path must exist when the container starts',
        cause: error,
      });
    throw error;
  }
}

/** The kernel's words alone. */
const describe = ({ message }: Error): string =>
  message.slice(message.lastIndexOf(': ') + 2).replace(/ \([A-Z0-9]+\)$/, '');
