import type { ChainId, Digest, ImageId } from '../../../foundation/oci/digest.ts';
import type { ImageConfig } from '../../../foundation/oci/image-config.ts';
import type { ImageForm, ImageRecord } from '../image.ts';

/**
 * The records of images: four tables, and all of them in memory, so that reads never touch the disk. `publish` is the one point at which an
 * image begins to exist: whoever calls it has every blob and layer in place. Blobs and layers that no row reaches are swept.
 */
export interface ImageStore {
  /** Newest first. */
  list(): ImageRecord[];
  find(id: ImageId): ImageRecord | undefined;
  /** Ids that begin with these hexadecimal digits. */
  findByPrefix(hex: string): ImageId[];
  /** What the canonical name points at. */
  findName(name: string): NameTarget | undefined;
  /** The image known by `repository@digest`; of several platforms that share an index the one for this host, or the newest. */
  findDigest(name: string): ImageId | undefined;
  /**
   * Adds or completes the images and points the names at them, in one transaction: tags at the first, digests at all. What is unpacked
   * already stays so.
   */
  publish(
    images: readonly [NewImage, ...NewImage[]],
    names: NewNames,
    nowMs: number,
    options?: { mayBeLost?: boolean },
  ): ImageRecord;
  /** The layers of a packed image are unpacked now. */
  setUnpacked(id: ImageId, layers: readonly StoredLayer[]): void;
  /** The image is no longer one of the platforms of this index. */
  removeBlob(id: ImageId, digest: Digest): void;
  /** Points a further name at the image; takes it from the image that had it. */
  setTag(name: string, target: NameTarget, nowMs: number): void;
  /** The image is known as `repository@digest` too. */
  addDigest(name: string, image: ImageId): void;
  /** Removes the names, and the image itself when `image` says so, in one transaction. */
  remove(names: readonly ImageName[], image?: ImageId): void;
  /** Sizes of the image's layers, lowest first. */
  layerSizes(id: ImageId): readonly number[];
  /** Blobs that belong to the image: index, manifest, configuration, layers. */
  blobsOf(id: ImageId): readonly Digest[];
  /** Images that have the blob, in order of arrival. Those that have an index are the platforms of whatever name points at it. */
  withBlob(digest: Digest): ImageRecord[];
  /** Whether any image has the blob or the layer. */
  hasBlob(digest: Digest): boolean;
  hasLayer(chainId: ChainId): boolean;
}

export interface NameTarget {
  image: ImageId;
  /** Digest of what the name meant where it came from: an index or a manifest. */
  target: Digest;
}

export interface NewImage {
  id: ImageId;
  manifestDigest: Digest;
  config: ImageConfig;
  parent?: ImageId;
  form: ImageForm;
  /** Of the configuration and the layers as they were transferred; what a packed image takes. */
  contentBytes: number;
  layers: readonly StoredLayer[];
  /** Everything in the content store that belongs to it. */
  blobs: Digest[];
}

export interface StoredLayer {
  chainId: ChainId;
  sizeBytes: number;
}

export interface NewNames {
  tags: string[];
  /** Canonical `repository@digest`. */
  digests: string[];
  /** Digest that the tags mean; the manifest's when absent. */
  target?: Digest;
}

export type ImageName = { tag: string } | { digest: string; image: ImageId };
