import { mkdir, stat } from 'node:fs/promises';
import { posix } from 'node:path';
import { invalid } from '../../foundation/base/errors.ts';
import type { Volumes } from '../../resources/volume/volume.ts';
import type { ContainerConfig, MountRequest } from './config.ts';
import type { ContainerRecord, ResolvedMount } from './container.ts';

const propagations = new Set(['private', 'rprivate', 'shared', 'rshared', 'slave', 'rslave']);
const ignoredModes = new Set(['z', 'Z', 'nocopy', 'consistent', 'cached', 'delegated', 'rw', 'ro']);

/** A parsed `-v` word, before anything on the host is touched. */
export interface BindWord {
  source: string;
  destination: string;
  readOnly: boolean;
  propagation: string;
  mode: string;
}

/** `source:destination[:options]`; Docker's texts when wrong. */
export function parseBind(word: string): BindWord {
  const parts = word.split(':');
  // One path alone asks for an anonymous volume there.
  const [source = '', destination = '', mode = '', ...rest] = parts.length === 1 ? ['', word] : parts;
  if (rest.length > 0 || (source === '' && parts.length > 1) || destination === '')
    throw invalid(`invalid volume specification: '${word}'`, { code: 'invalid-volume' });
  checkDestination(destination, word, source.startsWith('/') ? 'bind' : 'volume');
  const words = mode === '' ? [] : mode.split(',');
  for (const option of words)
    if (!propagations.has(option) && !ignoredModes.has(option))
      throw invalid(`invalid mode: ${mode}`, {
        code: 'invalid-volume',
        hint: 'options are ro, rw, z, Z, nocopy and a propagation such as rslave',
      });
  if (words.includes('ro') && words.includes('rw'))
    throw invalid(`invalid mode: ${mode}`, { code: 'invalid-volume' });
  return {
    source,
    destination: posix.normalize(destination).replace(/(.)\/$/, '$1'),
    readOnly: words.includes('ro'),
    propagation: words.find((option) => propagations.has(option)) ?? '',
    mode,
  };
}

function checkDestination(destination: string, word: string, type: 'bind' | 'volume'): void {
  if (!destination.startsWith('/'))
    throw invalid(
      `invalid volume specification: '${word}': invalid mount config for type "${type}": invalid mount path: '${destination}' mount path must be absolute`,
      {
        code: 'invalid-volume',
      },
    );
  if (posix.normalize(destination) === '/')
    throw invalid(
      `invalid volume specification: '${word}': invalid mount config for type "${type}": invalid specification: destination can't be '/'`,
      {
        code: 'invalid-volume',
      },
    );
}

/**
 * Settles what each destination gets: makes anonymous and named volumes, checks bind sources. Later kinds lose to earlier ones per destination, as in
 * Docker: `--mount`, `-v`, `--volumes-from`, then the image's volumes.
 */
export async function resolveMounts(
  config: ContainerConfig,
  deps: { volumes: Pick<Volumes, 'create'>; containerOf: (nameOrId: string) => ContainerRecord },
): Promise<ResolvedMount[]> {
  const byDestination = new Map<string, ResolvedMount>();
  const add = (mount: ResolvedMount): void => {
    if (byDestination.has(mount.destination))
      throw invalid(`Duplicate mount point: ${mount.destination}`, { code: 'duplicate-mount' });
    byDestination.set(mount.destination, mount);
  };
  const inherited = config.volumesFrom.flatMap((word) => mountsFrom(word, deps.containerOf));
  for (const bind of config.binds) add(await resolveBind(parseBind(bind), deps.volumes));
  for (const request of config.mounts)
    if (request.type !== 'tmpfs') add(await resolveMount(request, deps.volumes));
  for (const mount of inherited)
    if (!byDestination.has(mount.destination)) byDestination.set(mount.destination, mount);
  for (const word of config.volumes) {
    const destination = posix.normalize(word).replace(/(.)\/$/, '$1');
    checkDestination(destination, word, 'volume');
    if (byDestination.has(destination) || config.tmpfs[destination] !== undefined) continue;
    byDestination.set(
      destination,
      await volumeMount(undefined, { destination, readOnly: false, propagation: '', mode: '' }, deps.volumes),
    );
  }
  return [...byDestination.values()].toSorted((a, b) => depth(a.destination) - depth(b.destination));
}

const depth = (path: string): number => path.split('/').length;

type Place = Omit<ResolvedMount, 'kind' | 'source' | 'name'>;

async function volumeMount(
  name: string | undefined,
  place: Place,
  volumes: Pick<Volumes, 'create'>,
  labels?: Record<string, string>,
): Promise<ResolvedMount> {
  const volume = await volumes.create({ ...(name ? { name } : {}), ...(labels ? { labels } : {}) });
  return { kind: 'volume', name: volume.name, source: volume.mountpoint, ...place };
}

async function resolveBind(bind: BindWord, volumes: Pick<Volumes, 'create'>): Promise<ResolvedMount> {
  const { source, ...place } = bind;
  if (!source.startsWith('/')) return volumeMount(source || undefined, place, volumes);
  await mkdir(source, { recursive: true, mode: 0o755 }).catch((error: NodeJS.ErrnoException) => {
    if (error.code !== 'EEXIST')
      throw invalid(`error while creating mount source path '${source}': ${error.message}`, { cause: error });
  });
  return {
    kind: 'bind',
    source: posix.normalize(source),
    ...place,
    propagation: place.propagation || 'rprivate',
  };
}

async function resolveMount(request: MountRequest, volumes: Pick<Volumes, 'create'>): Promise<ResolvedMount> {
  const { source, target, readOnly } = request;
  if (!target.startsWith('/'))
    throw invalid(
      `invalid mount config for type "${request.type}": invalid mount path: '${target}' mount path must be absolute`,
      { code: 'invalid-mount' },
    );
  if (posix.normalize(target) === '/')
    throw invalid(
      `invalid mount config for type "${request.type}": invalid specification: destination can't be '/'`,
      { code: 'invalid-mount' },
    );
  const place = {
    destination: posix.normalize(target),
    readOnly,
    propagation: request.propagation ?? '',
    mode: '',
    ...(request.noCopy ? { noCopy: true } : {}),
  };
  if (request.type === 'volume') return volumeMount(source || undefined, place, volumes, request.labels);
  if (!source.startsWith('/'))
    throw invalid(
      `invalid mount config for type "bind": invalid mount path: '${source}' mount path must be absolute`,
      { code: 'invalid-mount' },
    );
  if (request.createMountpoint) await mkdir(source, { recursive: true });
  if (!(await stat(source).catch(() => undefined)))
    throw invalid(`invalid mount config for type "bind": bind source path does not exist: ${source}`, {
      code: 'invalid-mount',
      hint: 'create it first, or use -v which creates missing folders',
    });
  return {
    kind: 'bind',
    source: posix.normalize(source),
    ...place,
    propagation: place.propagation || 'rprivate',
  };
}

function mountsFrom(word: string, containerOf: (nameOrId: string) => ContainerRecord): ResolvedMount[] {
  const [name = '', mode = ''] = word.split(':', 2);
  if (name === '')
    throw invalid('volumes-from specification cannot be an empty string', { code: 'invalid-volume' });
  if (mode !== '' && mode !== 'ro' && mode !== 'rw')
    throw invalid(`invalid mode: ${mode}`, { code: 'invalid-volume' });
  const record = containerOf(name);
  // Its own container had its chance to fill it.
  return record.mounts.map((mount) => ({
    ...mount,
    readOnly: mount.readOnly || mode === 'ro',
    noCopy: true,
  }));
}
