import { existsSync } from 'node:fs';
import { mkdir, readdir, realpath, rm, rmdir, stat } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { invalid, toSiloError } from '../../../foundation/base/errors.ts';
import { faultPoint } from '../../../foundation/base/fault.ts';
import type { ContainerId } from '../../../foundation/base/ids.ts';
import { closeDescriptor } from '../../../foundation/kernel/at.ts';
import { isMountPoint, type MountInfo, mountInfo } from '../../../foundation/kernel/mount-info.ts';
import {
  attachMount,
  makePrivate,
  mountOverlay,
  openOverlay,
  unmount,
} from '../../../foundation/kernel/mount.ts';
import { openPlaceBelow } from '../../../foundation/kernel/rooted.ts';
import { isErrno } from '../../../foundation/kernel/syscall-error.ts';
import type { ContainerRecord, ResolvedMount } from '../container.ts';
import type { Context } from '../context.ts';
import { askHost, mountOf } from './host-path.ts';
import { idsPerContainer } from '../userns/mode.ts';
import { needsHostIds, type OwnerShift } from '../userns/owner-shift.ts';
import { lookAt, pin, showAlone, makePlace, showAt } from './pin-source.ts';

/** What the runtime is to mount, by destination. Good until the container is created; then `closeSources`. */
export type MountSources = ReadonlyMap<string, MountSource>;

export interface MountSource {
  /** Of the host. */
  path: string;
  isDirectory: boolean;
  /** What is mounted below it, each to be named to the runtime: crun 1.8 leaves it out in a user namespace. Parents first. */
  below: readonly MountBelow[];
}

export interface MountBelow {
  /** Relative to the source. */
  name: string;
  /** Of the host: a place of ours, which no rename leads elsewhere. */
  path: string;
}

/**
 * Makes sure of what a container mounts, and pins what lies inside of a volume or an image: a path there is resolved once, inside, and what was found is
 * mounted at a place of ours, so that a rename afterwards leads nowhere.
 */
export async function openSources(
  context: Context,
  record: ContainerRecord,
  shift: OwnerShift | undefined,
): Promise<MountSources> {
  const sources = new Map<string, MountSource>();
  let mounts: MountInfo[] | undefined;
  for (const [index, mount] of record.mounts.entries()) {
    const place = join(placesOf(context, record.id), String(index));
    if (mount.kind === 'bind') {
      const path = await askHost(mount.source, () => lookAt(mount));
      checkPropagation(mount, path, (mounts ??= mountInfo()), context);
    }
    const path = await askHost(mount.source, () => sourceOf(context, mount, { place, shift }));
    const found = await askHost(mount.source, () => stat(path).catch(() => undefined));
    // An image is shown so already: overlay mounts cannot be shifted themselves.
    const shown =
      shift && mount.kind !== 'image'
        ? await askHost(mount.source, () => shiftSource(context, record.id, { mount, path, index, shift }))
        : path;
    sources.set(mount.destination, {
      path: shown,
      isDirectory: found?.isDirectory() ?? true,
      below:
        shown !== path && isRecursive(mount)
          ? await askHost(mount.source, async () =>
              pinBelow(shown, mountsBelow(await realpath(path), (mounts ??= mountInfo()))),
            )
          : [],
    });
  }
  faultPoint('container.start.pinned');
  return sources;
}

const isRecursive = (mount: ResolvedMount): boolean => mount.kind === 'bind' && !mount.nonRecursive;

function mountsBelow(source: string, mounts: readonly MountInfo[]): string[] {
  const start = source === '/' ? '/' : `${source}/`;
  const below = mounts
    .map(({ target }) => target)
    .filter((target) => target.startsWith(start) && target !== '/');
  return [...new Set(below)]
    .map((target) => target.slice(start.length))
    .toSorted((a, b) => a.split('/').length - b.split('/').length);
}

/** Looked for inside of what is shown: whoever renames there leads us nowhere else. What a later mount hides is not there. */
async function pinBelow(shown: string, names: readonly string[]): Promise<MountBelow[]> {
  const pinned: MountBelow[] = [];
  for (const [index, name] of names.entries()) {
    const found = await openPlaceBelow(shown, name).catch((error: unknown) => {
      if (isErrno(error, 'ENOENT', 'ENOTDIR', 'ELOOP')) return undefined;
      throw error;
    });
    if (found === undefined) continue;
    const path = `${shown}.${index}`;
    try {
      await showAt(found, path);
    } finally {
      closeDescriptor(found);
    }
    pinned.push({ name, path });
  }
  return pinned;
}

async function sourceOf(
  context: Pick<Context, 'layers' | 'snapshots'>,
  mount: ResolvedMount,
  { place, shift }: { place: string; shift: OwnerShift | undefined },
): Promise<string> {
  const isWhole = mount.kind !== 'image' && mount.subpath === undefined && !mount.nonRecursive;
  if (isWhole) return mount.source;
  await mkdir(dirname(place), { recursive: true, mode: 0o700 });
  if (mount.kind === 'bind') return await showAlone(await realpath(mount.source), place);
  const base = mount.kind === 'image' ? await mountImage(context, mount, { place, shift }) : mount.source;
  return mount.subpath === undefined ? base : await pin(base, mount.subpath, place);
}

/** Shows it at a place of ours. Owners inside are those outside, as users expect it; what cannot be shown so must not appear as nobody's. */
async function shiftSource(
  context: Pick<Context, 'settings'>,
  id: ContainerId,
  request: { mount: ResolvedMount; path: string; index: number; shift: OwnerShift },
): Promise<string> {
  const { mount, index, shift } = request;
  const source = await realpath(request.path);
  const { uid, gid } = await stat(source);
  if (mount.kind === 'bind' && Math.max(uid, gid) >= idsPerContainer)
    throw needsHostIds(
      `${mount.source} belongs to ${uid}:${gid}, which is not one of the ids that a container has`,
    );
  const recursive = isRecursive(mount);
  const place = join(placesOf(context, id), `${index}.shifted`);
  const found = await openPlaceBelow('/', source);
  try {
    await makePlace(found, place);
    const clone = cloneShifted(shift, found, { source, recursive });
    try {
      attachMount(clone, place);
    } finally {
      closeDescriptor(clone);
    }
  } finally {
    closeDescriptor(found);
  }
  return place;
}

function cloneShifted(
  shift: OwnerShift,
  place: number,
  { source, recursive }: { source: string; recursive: boolean },
): number {
  try {
    return shift.clone(place, { recursive });
  } catch (error) {
    if (!isErrno(error, 'EINVAL', 'EPERM', 'EOPNOTSUPP')) throw error;
    throw needsHostIds(`the file system of ${source} cannot show other owners`, error);
  }
}

/** Takes away the places of ours; the container has its own mounts by now. Safe to repeat. */
export async function closeSources(
  context: Pick<Context, 'settings' | 'log'>,
  id: ContainerId,
): Promise<void> {
  const directory = placesOf(context, id);
  if (!existsSync(directory)) return;
  for (const name of await readdir(directory).catch(() => [])) {
    const place = join(directory, name);
    try {
      // A crash and a start again may have put one upon the other.
      while (isMountPoint(place)) unmount(place, { detach: true });
      const found = await stat(place);
      await (found.isDirectory() ? rmdir(place) : rm(place));
    } catch (error) {
      context.log.warn(`${place} stays: ${toSiloError(error).message}`);
    }
  }
  await rmdir(directory).catch(() => undefined);
}

const placesOf = ({ settings }: Pick<Context, 'settings'>, id: ContainerId): string =>
  join(settings.mountsDirectory, id);

async function mountImage(
  context: Pick<Context, 'layers' | 'snapshots'>,
  { image, source, scratch: written }: ResolvedMount,
  { place, shift }: { place: string; shift: OwnerShift | undefined },
): Promise<string> {
  const [view, scratch, nothing] = [`${place}.image`, `${place}.scratch`, `${place}.nothing`];
  for (const folder of [view, scratch, nothing]) await mkdir(folder, { recursive: true, mode: 0o755 });
  const lower: string[] = [];
  for (const chainId of image?.layers.toReversed() ?? []) {
    const layer = await context.layers.find(chainId);
    if (!layer)
      throw invalid(`a layer of image ${source} is missing`, {
        code: 'missing-layer',
        hint: `pull it again: silo pull ${source}`,
      });
    lower.push(layer.path);
  }
  using undo = new DisposableStack();
  const shifted = shift && undo.adopt(shift.clone(context.snapshots.root), closeDescriptor);
  const shown = lower.map((path) =>
    shifted === undefined ? path : `/proc/self/fd/${shifted}${path.slice(context.snapshots.root.length)}`,
  );
  if (written !== undefined) {
    for (const name of ['upper', 'work']) await mkdir(join(written, name), { recursive: true, mode: 0o755 });
    const at = shift ? `/proc/self/fd/${undo.adopt(shift.clone(written), closeDescriptor)}` : written;
    mountOverlay({ lower: [...shown, nothing], upper: `${at}/upper`, work: `${at}/work`, target: view });
    makePrivate(view);
    return view;
  }
  // An overlay wants two; an image may have fewer layers.
  const fd = openOverlay({ lower: [...shown, nothing, ...(lower.length === 0 ? [scratch] : [])], scratch });
  try {
    attachMount(fd, view);
  } finally {
    closeDescriptor(fd);
  }
  makePrivate(view);
  return view;
}

/** Docker's rule and texts: events can only go where the mount that holds the source sends or takes them. */
function checkPropagation(
  { propagation }: ResolvedMount,
  source: string,
  mounts: readonly MountInfo[],
  { settings }: Pick<Context, 'settings'>,
): void {
  if (!/^r?(shared|slave)$/.test(propagation)) return;
  const holder = mountOf(source, mounts);
  if (!holder) return;
  const has = (word: string): boolean => holder.propagation.some((tag) => tag.startsWith(`${word}:`));
  if (has('shared')) return;
  if (propagation.endsWith('shared'))
    throw invalid(`path ${source} is mounted on ${holder.target} but it is not a shared mount`, {
      code: 'not-shared',
      hint: `make it one: mount --make-shared ${holder.target}`,
    });
  // Without having been asked for.
  const isOurs = settings.engineFolders.some(
    (folder) => source.startsWith(folder) || folder.startsWith(source),
  );
  if (!has('master') && !isOurs)
    throw invalid(`path ${source} is mounted on ${holder.target} but it is not a shared or slave mount`, {
      code: 'not-shared',
      hint: `make it one: mount --make-shared ${holder.target}`,
    });
}
