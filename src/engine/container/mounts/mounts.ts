import { mkdir, stat } from 'node:fs/promises';
import { posix } from 'node:path';
import { invalid } from '../../../foundation/base/errors.ts';
import type { ImageRecord } from '../../image/image.ts';
import type { Volumes } from '../../../resources/volume/volume.ts';
import { type BindWord, checkDestination, parseBind, parseVolumesFrom } from './bind-word.ts';
import type { ContainerConfig, MountRequest } from '../config.ts';
import type { ContainerRecord, ResolvedMount } from '../container.ts';
import { askHost } from './host-path.ts';

export interface MountDeps {
  volumes: Pick<Volumes, 'create'>;
  containerOf: (nameOrId: string) => ContainerRecord;
  /** Holds the image until the container has its record. */
  imageOf: (nameOrId: string) => ImageRecord;
  /** Folders of the engine's own. */
  engineFolders: readonly string[];
}

/**
 * Settles what each destination gets: makes anonymous and named volumes, checks bind sources. Later kinds lose to earlier ones per destination, as in
 * Docker: `--mount`, `-v`, `--volumes-from`, then the image's volumes.
 */
export async function resolveMounts(config: ContainerConfig, deps: MountDeps): Promise<ResolvedMount[]> {
  const byDestination = new Map<string, ResolvedMount>();
  const temporary = new Set(Object.keys(config.tmpfs).map(normal));
  const taken = new Set<string>();
  const refuse = (destination: string, others: ReadonlySet<string>): void => {
    if (others.has(destination))
      throw invalid(`Duplicate mount point: ${destination}`, { code: 'duplicate-mount' });
  };
  const claim = (destination: string): void => {
    refuse(destination, taken);
    taken.add(destination);
  };
  const add = (mount: ResolvedMount): void => void byDestination.set(mount.destination, mount);
  for (const word of config.volumesFrom)
    for (const mount of mountsFrom(word, deps.containerOf))
      if (!byDestination.has(mount.destination)) add(mount);
  for (const word of config.binds) {
    const bind = parseBind(word);
    refuse(bind.destination, temporary);
    claim(bind.destination);
    add(await resolveBind(bind, config, deps));
  }
  for (const request of config.mounts) {
    checkTarget(request);
    claim(normal(request.target));
    if (request.type === 'tmpfs') byDestination.delete(normal(request.target));
    else add(await resolveMount(request, deps));
    refuse(normal(request.target), temporary);
  }
  for (const word of config.volumes) {
    const destination = normal(word);
    checkDestination(destination, word, 'volume');
    if (byDestination.has(destination) || taken.has(destination) || temporary.has(destination)) continue;
    const place = { destination, readOnly: false, propagation: '', mode: '' };
    add(await volumeMount({ driver: config.volumeDriver }, place, deps));
  }
  return [...byDestination.values()].toSorted((a, b) => depth(a.destination) - depth(b.destination));
}

const depth = (path: string): number => path.split('/').length;
const normal = (path: string): string => posix.normalize(path).replace(/(.)\/+$/, '$1');

type Place = Omit<ResolvedMount, 'kind' | 'source' | 'name'>;

async function volumeMount(
  asked: { name?: string; driver?: string | undefined } & Pick<MountRequest, 'labels' | 'driverOptions'>,
  place: Place,
  { volumes }: Pick<MountDeps, 'volumes'>,
): Promise<ResolvedMount> {
  const { name, driver, labels, driverOptions } = asked;
  const volume = await volumes.create({
    ...(name ? { name } : {}),
    ...(labels ? { labels } : {}),
    ...(driver ? { driver } : {}),
    ...(driverOptions ? { options: driverOptions } : {}),
  });
  return { kind: 'volume', name: volume.name, source: volume.mountpoint, ...place };
}

async function resolveBind(
  bind: BindWord,
  config: Pick<ContainerConfig, 'volumeDriver'>,
  deps: MountDeps,
): Promise<ResolvedMount> {
  const { source, ...place } = bind;
  if (!source.startsWith('/')) return volumeMount({ name: source, driver: config.volumeDriver }, place, deps);
  await askHost(source, () => makeSource(source));
  return {
    kind: 'bind',
    source: normal(source),
    ...place,
    propagation: propagationFor(source, place.propagation, deps.engineFolders),
    createSource: true,
  };
}

/** Docker makes missing folders for `-v`. */
export async function makeSource(source: string): Promise<void> {
  await mkdir(source, { recursive: true, mode: 0o755 }).catch((error: NodeJS.ErrnoException) => {
    if (error.code !== 'EEXIST')
      throw invalid(`error while creating mount source path '${source}': ${error.message}`, { cause: error });
  });
}

/**
 * `rprivate`, unless the source holds the engine's own folders or is among them: a container that kept its own copies of the engine's mounts would keep
 * them from going away, so it only follows them. Docker's rule and text.
 */
function propagationFor(source: string, asked: string, engineFolders: readonly string[]): string {
  const within = (path: string, folder: string): boolean =>
    folder === '/' || path === folder || path.startsWith(`${folder}/`);
  const own = engineFolders.find(
    (folder) => within(normal(source), folder) || within(folder, normal(source)),
  );
  if (own === undefined) return asked || 'rprivate';
  if (asked === '' || asked === 'rslave' || asked === 'rshared') return asked || 'rslave';
  throw invalid(
    `invalid mount config: must use either propagation mode "rslave" or "rshared" when mount source is within the daemon root, daemon root: "${own}", bind mount source: "${normal(source)}", propagation: "${asked}"`,
    { code: 'invalid-mount' },
  );
}

function checkTarget({ type, target }: MountRequest): void {
  if (!target.startsWith('/'))
    throw wrong(type, `invalid mount path: '${target}' mount path must be absolute`);
  if (posix.normalize(target) === '/') throw wrong(type, `invalid specification: destination can't be '/'`);
}

async function resolveMount(request: MountRequest, deps: MountDeps): Promise<ResolvedMount> {
  const { source, target, readOnly, propagation = '' } = request;
  const place: Place = {
    destination: normal(target),
    readOnly,
    propagation,
    mode: '',
    ...(request.noCopy ? { noCopy: true } : {}),
    ...(request.subpath === undefined ? {} : { subpath: request.subpath }),
    ...(request.nonRecursive ? { nonRecursive: true } : {}),
    ...(request.readOnlyNonRecursive ? { readOnlyNonRecursive: true } : {}),
    ...(request.readOnlyForceRecursive ? { readOnlyForceRecursive: true } : {}),
  };
  if (request.type === 'volume')
    return volumeMount({ ...request, name: source, driver: request.driverName }, place, deps);
  if (request.type === 'image') {
    const { id, layers } = deps.imageOf(source);
    const { scratch } = request;
    const writable = scratch === undefined ? { readOnly: true } : { scratch };
    return { kind: 'image', source, ...place, ...writable, image: { id, layers } };
  }
  if (!source.startsWith('/'))
    throw wrong('bind', `invalid mount path: '${source}' mount path must be absolute`);
  if (request.engineOwned) return { kind: 'volume', source: normal(source), ...place };
  if (request.createMountpoint) await askHost(source, () => makeSource(source));
  if (!(await askHost(source, () => stat(source).catch(() => undefined)))) throw missingSource(source);
  return {
    kind: 'bind',
    source: normal(source),
    ...place,
    propagation: propagationFor(source, propagation, deps.engineFolders),
    ...(request.createMountpoint ? { createSource: true } : {}),
  };
}

export function missingSource(source: string): Error {
  return invalid(`invalid mount config for type "bind": bind source path does not exist: ${source}`, {
    code: 'invalid-mount',
    hint: 'create it first, or use -v which creates missing folders',
  });
}

function wrong(type: string, why: string): Error {
  return invalid(`invalid mount config for type "${type}": ${why}`, { code: 'invalid-mount' });
}

function mountsFrom(word: string, containerOf: (nameOrId: string) => ContainerRecord): ResolvedMount[] {
  const { name, mode } = parseVolumesFrom(word);
  // Its own container had its chance to fill it.
  return containerOf(name).mounts.map((mount) => ({
    ...mount,
    readOnly: mount.readOnly || mode.split(',').includes('ro'),
    noCopy: true,
  }));
}
