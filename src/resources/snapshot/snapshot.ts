import type { ContainerId } from '../../foundation/base/ids.ts';
import type { ChainId } from '../../foundation/oci/digest.ts';

/**
 * Layers as folders, and the writable layers of containers above them.
 *
 * A *layer* holds the difference that one image layer makes, with overlayfs' own whiteouts (character device 0:0, xattr
 * `trusted.overlay.opaque`), so that layers are unpacked in any order and in parallel. It is staged under a temporary name and
 * appears under its chain id by one rename: a layer that has its name is whole.
 * A *container snapshot* is an upper and a work folder, and the list of chain ids below. `mountPlan` returns a plain value that
 * the kernel floor mounts; this folder mounts nothing itself.
 */
export interface LayerStore {
  find(chainId: ChainId): Promise<LayerInfo | undefined>;
  /** A private folder to unpack into. */
  stage(chainId: ChainId): Promise<StagedLayer>;
  /** Readable ones. */
  list(): Promise<LayerInfo[]>;
  /** Looks at the disk, whatever is remembered; `damaged` when its folder or its size cannot be read. */
  check(chainId: ChainId): Promise<'whole' | 'missing' | 'damaged'>;
  /** Deletes the layer in the background after an atomic rename. The caller knows that nothing uses it. */
  remove(chainId: ChainId): Promise<void>;
}

export interface LayerInfo {
  chainId: ChainId;
  /** Folder with the layer's files. */
  path: string;
  /** Sum of the sizes of regular files, as counted at unpacking. */
  sizeBytes: number;
  /** Of the users and groups that own its files, when it is one that 16 bits do not hold and was counted at unpacking. */
  highestId?: number;
}

export interface StagedLayer extends AsyncDisposable {
  /** Empty folder to fill; disposing without commit deletes it. */
  readonly path: string;
  /** Fills it at once: the folder, which is on the same file system and whole, becomes it by a rename. */
  take(folder: string): Promise<void>;
  /** Publishes. Another publisher of the same chain id may have won: then ours is discarded and theirs returned. */
  commit(info: { sizeBytes: number; highestId?: number }): Promise<LayerInfo>;
}

export interface ContainerSnapshots {
  /** All paths of `mount` are below it, on one file system. */
  readonly root: string;
  /**
   * Makes upper and work folders over these layers (lowest first) and notes the list; kind `conflict` if it exists. Survives the death of the engine;
   * after that of the machine the folders may be missing or the list damaged, which `restore` mends: the caller keeps the list too.
   */
  create(id: ContainerId, layers: readonly ChainId[]): Promise<void>;
  /** undefined when it is not there, or damaged by a power cut. */
  find(id: ContainerId): Promise<ContainerSnapshot | undefined>;
  /** Makes what is missing and writes the list anew; files of the container that are there stay. */
  restore(id: ContainerId, layers: readonly ChainId[]): Promise<ContainerSnapshot>;
  /** Renames away at once, deletes in the background. Absent is fine. The caller has unmounted it. */
  remove(id: ContainerId): Promise<void>;
  /** Looks at the disk, whatever is remembered. */
  check(id: ContainerId): Promise<'whole' | 'damaged'>;
  /** Hands its folder to whoever keeps it. */
  keepAside(id: ContainerId, moveAside: (path: string) => Promise<unknown>): Promise<void>;
  /** Whose folders there are, sound or not. */
  list(): Promise<ContainerId[]>;
}

export interface ContainerSnapshot {
  id: ContainerId;
  /** Chain ids, lowest first. */
  layers: ChainId[];
  /** What to hand to `mountOverlay`: `lower` is topmost first and starts with the init layer. */
  mount: OverlayMount;
}

export interface OverlayMount {
  type: 'overlay';
  lower: string[];
  upper: string;
  work: string;
}
