import { randomBytes } from 'node:crypto';
import { existsSync, readFileSync } from 'node:fs';
import { chmod, mkdir, readdir, rename, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { syncDirectory } from '../../foundation/base/atomic-file.ts';
import { conflict, corrupt, isKind } from '../../foundation/base/errors.ts';
import { faultPoint } from '../../foundation/base/fault.ts';
import { syncFileSystem } from '../../foundation/kernel/sync.ts';
import { type ChainId, digestHex, isDigest } from '../../foundation/oci/digest.ts';
import { createGroupSync } from './group-sync.ts';
import type { LayerInfo, LayerStore, StagedLayer } from './snapshot.ts';
import type { Trash } from './trash.ts';

const stagingPrefix = '.staging-';
/** What 16 bits hold. */
const commonIds = 0xffff;

interface Store {
  directory: string;
  trash: Trash;
  /** Layers that were seen whole; only this process adds or removes any. */
  known: Map<ChainId, LayerInfo>;
  sync: () => Promise<void>;
}

/** Layers in `directory/<chain hex>/{fs,size}`, and `highest-id` for those of uncommon owners. What an earlier run staged and did not publish is discarded. */
export async function openLayerStore(options: { directory: string; trash: Trash }): Promise<LayerStore> {
  const { directory, trash } = options;
  await mkdir(directory, { recursive: true, mode: 0o700 });
  for (const name of await readdir(directory))
    if (name.startsWith(stagingPrefix)) await trash.discard(join(directory, name));
  const sync = createGroupSync(() => syncFileSystem(directory));
  const store: Store = { directory, trash, known: new Map(), sync };
  return {
    find: async (chainId) => find(store, chainId),
    stage: (chainId) => stage(store, chainId),
    async list() {
      const names = await readdir(directory);
      return names
        .map(parseName)
        .map((chainId) => chainId && findReadable(store, chainId))
        .filter((layer) => layer !== undefined);
    },
    check: async (chainId) => check(store, chainId),
    async remove(chainId) {
      await trash.discard(layerPath(store, chainId));
      store.known.delete(chainId);
    },
  };
}

function layerPath(store: Store, chainId: ChainId): string {
  return join(store.directory, digestHex(chainId));
}

/** The length of the hexadecimal digits tells the algorithm. */
function parseName(name: string): ChainId | undefined {
  const text = `${name.length === 128 ? 'sha512' : 'sha256'}:${name}`;
  return isDigest(text) ? text : undefined;
}

/** Synchronous, so that no removal can pass between reading and remembering. */
function find(store: Store, chainId: ChainId): LayerInfo | undefined {
  const known = store.known.get(chainId);
  if (known) return known;
  const path = layerPath(store, chainId);
  const size = readIfThere(join(path, 'size'));
  if (size === undefined) return undefined;
  if (!/^\d{1,16}$/.test(size))
    throw corrupt(`layer ${chainId} has no readable size`, {
      hint: `remove the images that use it and pull them again`,
    });
  const highestId = Number(readIfThere(join(path, 'highest-id')));
  const info: LayerInfo = {
    chainId,
    path: join(path, 'fs'),
    sizeBytes: Number(size),
    ...(Number.isInteger(highestId) ? { highestId } : {}),
  };
  store.known.set(chainId, info);
  return info;
}

function findReadable(store: Store, chainId: ChainId): LayerInfo | undefined {
  try {
    return find(store, chainId);
  } catch (error) {
    if (isKind(error, 'corrupt')) return undefined;
    throw error;
  }
}

function check(store: Store, chainId: ChainId): 'whole' | 'missing' | 'damaged' {
  const path = layerPath(store, chainId);
  store.known.delete(chainId);
  if (!existsSync(path)) return 'missing';
  try {
    return find(store, chainId) && existsSync(join(path, 'fs')) ? 'whole' : 'damaged';
  } catch {
    return 'damaged';
  }
}

function readIfThere(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw error;
  }
}

async function stage(store: Store, chainId: ChainId): Promise<StagedLayer> {
  const name = `${stagingPrefix}${digestHex(chainId)}-${randomBytes(6).toString('hex')}`;
  const place = join(store.directory, name);
  await mkdir(place, { mode: 0o700 });
  const path = join(place, 'fs');
  await mkdir(path);
  // Whatever the umask is; the archive's own entry for its root comes later, if it has one.
  await chmod(path, 0o755);
  faultPoint('snapshot.layer.staged');
  let settled = false;
  return {
    path,
    async take(folder) {
      await rename(folder, path);
      faultPoint('snapshot.layer.taken');
    },
    async commit({ sizeBytes, highestId = 0 }) {
      if (settled) throw conflict(`layer ${chainId} was committed or discarded already`);
      settled = true;
      if (highestId > commonIds)
        await writeFile(join(place, 'highest-id'), String(highestId), { mode: 0o600 });
      return publish(store, chainId, place, sizeBytes);
    },
    async [Symbol.asyncDispose]() {
      if (settled) return;
      settled = true;
      await store.trash.discard(place);
    },
  };
}

/** The files are on the disk before the name is: a layer with its name is whole after a power cut too. */
async function publish(store: Store, chainId: ChainId, place: string, sizeBytes: number): Promise<LayerInfo> {
  await using undo = new AsyncDisposableStack();
  undo.defer(() => store.trash.discard(place));
  const winner = find(store, chainId);
  if (winner) return winner;
  await writeFile(join(place, 'size'), String(sizeBytes), { mode: 0o600 });
  faultPoint('snapshot.layer.sized');
  await store.sync();
  faultPoint('snapshot.layer.synced');
  try {
    await rename(place, layerPath(store, chainId));
  } catch (error) {
    // The other publisher's folder is not empty, so that a rename cannot replace it.
    const other = find(store, chainId);
    if (other) return other;
    throw error;
  }
  undo.move();
  faultPoint('snapshot.layer.renamed');
  await syncDirectory(store.directory);
  faultPoint('snapshot.layer.published');
  const info = find(store, chainId);
  if (!info) throw corrupt(`layer ${chainId} vanished while it was being published`);
  return info;
}
