import type { Readable } from 'node:stream';
import type { Descriptor, Platform } from '../../../foundation/oci/descriptor.ts';
import type { ChainId, DiffId, ImageId } from '../../../foundation/oci/digest.ts';
import type { ImageConfig } from '../../../foundation/oci/image-config.ts';
import type { Reference } from '../../../foundation/oci/reference.ts';
import type { FetchedManifest, RegistryCredentials } from '../../../resources/distribution/distribution.ts';
import type { ImageRecord } from '../image.ts';
import type { PushRequest, PushedTag } from '../transfers.ts';

export interface ImageAssembly {
  /**
   * Manifests of images that are here, made anew where that is asked for, and an index above them when there are several, or something is attached. No name
   * points at it until `publish`; the images and what was made stay until it is disposed.
   */
  assemble(request: AssembleRequest): Promise<ImageSet>;
  /**
   * An image without a name, made of layers by their diff ids; those that are not here are brought, and compared with both digests. Not-found when one is
   * nowhere.
   */
  restore(request: RestoreRequest): Promise<ImageRecord>;
  /** Layers of images under one manifest that is no image, with a document about them. Held until it is disposed. */
  bundle(request: BundleRequest): Promise<LayerBundle>;
  /** Documents that lie at an origin, compared with their digests. */
  documents(origin: ContentOrigin): OriginDocuments;
  /** The image's files as a tar. */
  tree(id: ImageId, signal?: AbortSignal): AsyncGenerator<Uint8Array>;
}

export interface AssembleRequest {
  /** In the order of the index; the first is what a name means here. */
  images: readonly [AssembledImage, ...AssembledImage[]];
  layers: LayerForm;
  /** Of media types; an index with attestations is OCI's in any case. Absent: as they are. */
  family?: 'oci' | 'docker';
  /** Of the index, which is then made for a single image, too. */
  indexAnnotations?: Readonly<Record<string, string>>;
  /** Of the entry in an archive that means the index, or the one manifest. */
  rootAnnotations?: Readonly<Record<string, string>>;
  signal?: AbortSignal;
}

/** Layers that are not compressed are compressed so; others, too, when it is forced. */
export interface LayerForm {
  compression?: 'none' | 'gzip' | 'zstd';
  level?: number;
  isForced: boolean;
}

export interface AssembledImage {
  image: ImageId;
  platform: Platform;
  /** Of the manifest. */
  annotations?: Readonly<Record<string, string>>;
  /** Of its entry in the index. */
  descriptorAnnotations?: Readonly<Record<string, string>>;
  /** Statements (in-toto) about the image, once its manifest is known. They stand in the index as BuildKit's do. */
  attest?: (manifest: Descriptor) => Promise<readonly Statement[]>;
}

/** Where content comes from that was no image's here: a repository, or the files of an OCI image layout. */
export type ContentOrigin =
  | { kind: 'registry'; reference: Reference; isInsecure: boolean; credentials?: RegistryCredentials }
  | { kind: 'folder'; open: (path: string) => Promise<Readable | undefined> };

export interface OriginDocuments {
  root(signal: AbortSignal): Promise<FetchedManifest>;
  manifest(descriptor: Descriptor, signal: AbortSignal): Promise<FetchedManifest>;
  small(descriptor: Descriptor, limitBytes: number, signal: AbortSignal): Promise<Uint8Array>;
}

export interface RestoreRequest {
  /** Lowest first. Without a descriptor it has to be here. */
  layers: readonly { diffId: DiffId; descriptor?: Descriptor }[];
  config: Omit<ImageConfig, 'rootfs'>;
  from: ContentOrigin;
  signal?: AbortSignal;
}

export interface BundleRequest {
  images: readonly ImageId[];
  /** Layers, by chain id, that are left out. */
  without: ReadonlySet<ChainId>;
  layers: LayerForm;
  configType: string;
  /** The document, once it is known which layer stands at which place of the manifest. */
  config: (placeOf: (chainId: ChainId) => number | undefined) => Uint8Array;
  signal?: AbortSignal;
}

export interface LayerBundle extends AsyncDisposable {
  readonly root: Descriptor;
  push(request: Omit<PushRequest, 'platform'> & { isInsecure?: boolean }): Promise<void>;
  /** An OCI image layout: blobs first, `index.json` behind them. */
  archive(signal?: AbortSignal): AsyncGenerator<Uint8Array>;
}

export interface Statement {
  predicateType: string;
  bytes: Uint8Array;
}

/** Disposing it lets go of what nothing else keeps. */
export interface ImageSet extends AsyncDisposable {
  /** What names of it mean. */
  readonly root: Descriptor;
  /** In the order of the request. */
  readonly manifests: readonly { image: ImageId; manifest: Descriptor; config: Descriptor }[];
  /** Points names at it here; without a name its images stay. */
  publish(names: readonly Reference[]): Promise<void>;
  /** Under the tag, or by digest alone when the reference has none. */
  push(request: Omit<PushRequest, 'platform'> & { isInsecure?: boolean }): Promise<PushedTag>;
  /** `oci`: an image layout; `docker`: what `docker load` reads as well. */
  archive(
    kind: 'oci' | 'docker',
    names: readonly Reference[],
    signal?: AbortSignal,
  ): AsyncGenerator<Uint8Array>;
}
