import { randomBytes } from 'node:crypto';
import {
  chmodSync,
  chownSync,
  existsSync,
  mkdirSync,
  readFileSync,
  renameSync,
  statSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { mkdir, readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { writeFileAtomic } from '../../foundation/base/atomic-file.ts';
import { conflict, notFound } from '../../foundation/base/errors.ts';
import { faultPoint } from '../../foundation/base/fault.ts';
import { type ContainerId, parseContainerId } from '../../foundation/base/ids.ts';
import { type ChainId, isDigest } from '../../foundation/oci/digest.ts';
import type { ContainerSnapshot, ContainerSnapshots, LayerStore } from './snapshot.ts';
import type { Trash } from './trash.ts';

const stagingPrefix = '.staging-';

interface State {
  directory: string;
  initLayer: string;
  layers: Pick<LayerStore, 'find'>;
  layerPath: (chainId: ChainId) => string;
  trash: Trash;
  /** What was read or made; only this process changes the folder. */
  known: Map<ContainerId, ContainerSnapshot>;
}

export interface ContainerSnapshotOptions {
  /** What has all layers and snapshots. */
  root: string;
  directory: string;
  /** Folder of the init layer. */
  initLayer: string;
  layers: Pick<LayerStore, 'find'>;
  /** Where a layer's files are, whether it exists or not. */
  layerPath: (chainId: ChainId) => string;
  trash: Trash;
}

/** Snapshots in `directory/<id>/{upper,work,layers}`; `layers` holds a chain id a line, lowest first. */
export async function openContainerSnapshots(options: ContainerSnapshotOptions): Promise<ContainerSnapshots> {
  const { directory, trash } = options;
  await mkdir(directory, { recursive: true, mode: 0o700 });
  for (const name of await readdir(directory))
    if (name.startsWith(stagingPrefix)) await trash.discard(join(directory, name));
  const state: State = { ...options, known: new Map() };
  return {
    root: options.root,
    create: (id, layers) => create(state, id, layers),
    find: async (id) => find(state, id),
    restore: (id, layers) => restore(state, id, layers),
    async remove(id) {
      await trash.discard(join(directory, id));
      state.known.delete(id);
    },
    async check(id) {
      state.known.delete(id);
      const found = find(state, id);
      return found && existsSync(found.mount.upper) && existsSync(found.mount.work) ? 'whole' : 'damaged';
    },
    async keepAside(id, moveAside) {
      state.known.delete(id);
      if (existsSync(join(directory, id))) await moveAside(join(directory, id));
    },
    list: () => list(state),
  };
}

async function create(state: State, id: ContainerId, layers: readonly ChainId[]): Promise<void> {
  for (const chainId of layers)
    if (!(await state.layers.find(chainId)))
      throw notFound(`layer ${chainId} of container ${id} is not unpacked`, {
        code: 'layer-missing',
        hint: 'pull the image again',
      });
  const staging = join(state.directory, `${stagingPrefix}${id}-${randomBytes(6).toString('hex')}`);
  mkdirSync(staging, { mode: 0o700 });
  await using undo = new AsyncDisposableStack();
  undo.defer(() => state.trash.discard(staging));
  mkdirSync(join(staging, 'work'), { mode: 0o700 });
  makeUpper(state, join(staging, 'upper'), layers.at(-1));
  faultPoint('snapshot.container.made');
  writeFileSync(join(staging, 'layers'), formatLayers(layers), { mode: 0o600 });
  faultPoint('snapshot.container.recorded');
  publish(state, id, staging);
  undo.move();
  faultPoint('snapshot.container.renamed');
  state.known.set(id, describe(state, id, layers));
}

/** The root of the mounted tree has the attributes of the upper folder: those that the image gave its root. */
function makeUpper(state: State, upper: string, topmost: ChainId | undefined): void {
  mkdirSync(upper);
  const model = topmost === undefined ? undefined : statSync(state.layerPath(topmost));
  chownSync(upper, model?.uid ?? 0, model?.gid ?? 0);
  chmodSync(upper, (model?.mode ?? 0o755) & 0o7777);
  if (model) utimesSync(upper, model.atimeMs / 1000, model.mtimeMs / 1000);
}

/** What is there of the container's own files stays; the list of layers is written anew. */
async function restore(
  state: State,
  id: ContainerId,
  layers: readonly ChainId[],
): Promise<ContainerSnapshot> {
  const place = join(state.directory, id);
  await mkdir(join(place, 'work'), { recursive: true, mode: 0o700 });
  if (!existsSync(join(place, 'upper'))) makeUpper(state, join(place, 'upper'), layers.at(-1));
  await writeFileAtomic(join(place, 'layers'), formatLayers(layers));
  const snapshot = describe(state, id, layers);
  state.known.set(id, snapshot);
  return snapshot;
}

const formatLayers = (layers: readonly ChainId[]): string => `${layers.join('\n')}\n`;

function publish(state: State, id: ContainerId, staging: string): void {
  try {
    renameSync(staging, join(state.directory, id));
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === 'ENOTEMPTY' || code === 'EEXIST')
      throw conflict(`container ${id} has a snapshot already`, { cause: error });
    throw error;
  }
}

function describe(state: State, id: ContainerId, layers: readonly ChainId[]): ContainerSnapshot {
  const place = join(state.directory, id);
  return {
    id,
    layers: [...layers],
    mount: {
      type: 'overlay',
      lower: [state.initLayer, ...layers.toReversed().map(state.layerPath)],
      upper: join(place, 'upper'),
      work: join(place, 'work'),
    },
  };
}

/** Synchronous, so that no removal can pass between reading and remembering. */
function find(state: State, id: ContainerId): ContainerSnapshot | undefined {
  const known = state.known.get(id);
  if (known) return known;
  const layers = readLayers(join(state.directory, id, 'layers'));
  if (layers === undefined) return undefined;
  const snapshot = describe(state, id, layers);
  state.known.set(id, snapshot);
  return snapshot;
}

/** undefined when the list is missing or damaged: a power cut came soon after it was written. */
function readLayers(path: string): ChainId[] | undefined {
  try {
    const text = readFileSync(path, 'utf8');
    if (!text.endsWith('\n')) return undefined;
    const lines = text.split('\n').filter((line) => line !== '');
    return lines.every(isDigest) ? lines : undefined;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw error;
  }
}

async function list({ directory }: State): Promise<ContainerId[]> {
  const names = await readdir(directory);
  return names.filter((name) => /^[0-9a-f]{64}$/.test(name)).map(parseContainerId);
}
