import { chmod, mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import type { Log } from '../../foundation/base/log.ts';
import { digestHex } from '../../foundation/oci/digest.ts';
import { openContainerSnapshots } from './container-snapshots.ts';
import { ensureInitLayer } from './init-layer.ts';
import { openLayerStore } from './layer-store.ts';
import type { ContainerSnapshots, LayerStore } from './snapshot.ts';
import { openTrash, type Trash } from './trash.ts';

export interface Snapshots {
  layers: LayerStore;
  containers: ContainerSnapshots;
  /** Folder of the init layer, which every container's mount has on top of its image. */
  initLayer: string;
  /** For an orderly end and for tests: `trash.idle()`. */
  trash: Pick<Trash, 'idle'>;
}

/**
 * Opens `root/{layers,containers,trash,init-N}`, all 0700: only the engine walks there. The caller is the only process that uses
 * the root. What a killed run left half-made is discarded.
 */
export async function openSnapshots(options: { root: string; log: Log }): Promise<Snapshots> {
  const { root, log } = options;
  await mkdir(root, { recursive: true, mode: 0o700 });
  await chmod(root, 0o700);
  const trash = await openTrash(join(root, 'trash'), log);
  const initLayer = await ensureInitLayer(root, trash);
  const directory = join(root, 'layers');
  const layers = await openLayerStore({ directory, trash });
  const containers = await openContainerSnapshots({
    root,
    directory: join(root, 'containers'),
    initLayer,
    layers,
    layerPath: (chainId) => join(directory, digestHex(chainId), 'fs'),
    trash,
  });
  return { layers, containers, initLayer, trash };
}
