import { randomBytes } from 'node:crypto';
import { chmodSync, chownSync, mkdirSync, readdirSync, readFileSync, statSync, utimesSync } from 'node:fs';
import { mkdir, open, readdir, rename } from 'node:fs/promises';
import { join } from 'node:path';
import { syncDirectory } from '../../foundation/base/atomic-file.ts';
import { conflict, corrupt, notFound } from '../../foundation/base/errors.ts';
import { faultPoint } from '../../foundation/base/fault.ts';
import { type ContainerId, parseContainerId } from '../../foundation/base/ids.ts';
import { type ChainId, parseDigest } from '../../foundation/oci/digest.ts';
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
  /** `known` holds all there are. */
  complete: boolean;
}

export interface ContainerSnapshotOptions {
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
  const state: State = { ...options, known: new Map(), complete: false };
  return {
    create: (id, layers) => create(state, id, layers),
    find: async (id) => find(state, id),
    async remove(id) {
      await trash.discard(join(directory, id));
      state.known.delete(id);
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
  await writeDurably(join(staging, 'layers'), `${layers.join('\n')}\n`);
  faultPoint('snapshot.container.recorded');
  await publish(state, id, staging);
  undo.move();
  faultPoint('snapshot.container.renamed');
  await syncDirectory(state.directory);
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

/** On a journaling file system this sync carries the folders made before it. */
async function writeDurably(path: string, text: string): Promise<void> {
  const file = await open(path, 'wx', 0o600);
  try {
    await file.writeFile(text);
    await file.sync();
  } finally {
    await file.close();
  }
}

async function publish(state: State, id: ContainerId, staging: string): Promise<void> {
  try {
    await rename(staging, join(state.directory, id));
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
  if (known || state.complete) return known;
  try {
    return remember(state, id, readFileSync(join(state.directory, id, 'layers'), 'utf8'));
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw error;
  }
}

function remember(state: State, id: ContainerId, text: string): ContainerSnapshot {
  if (!text.endsWith('\n'))
    throw corrupt(`the record of container ${id}'s layers is damaged`, { hint: 'remove the container' });
  const layers = text
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => parseDigest(line) as ChainId);
  const snapshot = describe(state, id, layers);
  state.known.set(id, snapshot);
  return snapshot;
}

/** The event loop gets its turn between slices of this length. */
const sliceMs = 1.5;

/** Reads the folder once, then answers from memory. Files of a hundred bytes: a synchronous read is cheaper than a hop to a thread. */
async function list(state: State): Promise<ContainerSnapshot[]> {
  if (!state.complete) {
    let sliceEnd = performance.now() + sliceMs;
    for (const name of readdirSync(state.directory)) {
      if (!/^[0-9a-f]{64}$/.test(name)) continue;
      find(state, parseContainerId(name));
      if (performance.now() < sliceEnd) continue;
      await new Promise((resolve) => setImmediate(resolve));
      sliceEnd = performance.now() + sliceMs;
    }
    state.complete = true;
  }
  return [...state.known.values()];
}
