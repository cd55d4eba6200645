import type { Platform } from '../../../foundation/oci/descriptor.ts';
import type { Digest, ImageId } from '../../../foundation/oci/digest.ts';
import type { Reference } from '../../../foundation/oci/reference.ts';

/**
 * One thing that a build gives. Whatever goes to the client's own disk is sent to `BuildClient.receive` with the output's place in the list: an archive's
 * bytes as they are, for `local` (and archives as folders) a tar that the client unpacks.
 */
export type BuildOutput =
  /** An image with names: in the store, at registries, or both. */
  | ({
      type: 'image';
      isPushed: boolean;
      isStored: boolean;
      isByDigest: boolean;
      isInsecure: boolean;
    } & Named)
  /** An archive for `docker load`; an OCI layout. */
  | ({ type: 'docker' | 'oci'; isFolder: boolean } & Named)
  /** The files of the result, without a configuration. */
  | { type: 'tar' | 'local' }
  /** Nothing but the cache. */
  | { type: 'cacheonly' };

/** In addition to the tags of the request. */
interface Named extends ImageForm {
  names: readonly Reference[];
}

/** How manifests and layers look. What is not said stays as it is in the store. */
export interface ImageForm {
  layers: LayerForm;
  /** Media types. */
  family?: 'oci' | 'docker';
  annotations: readonly OutputAnnotation[];
  /** No file is younger than `SOURCE_DATE_EPOCH`. */
  isTimeRewritten: boolean;
}

export interface LayerForm {
  compression?: 'none' | 'gzip' | 'zstd';
  level?: number;
  /** Layers of the base, too. */
  isForced: boolean;
}

export interface OutputAnnotation {
  on: 'manifest' | 'index' | 'manifest-descriptor' | 'index-descriptor';
  /** Of this one's manifest alone. */
  platform?: Platform;
  key: string;
  value: string;
}

/** What is told about the result, beside it. */
export type Attestation =
  /** How it was made: `min` tells no build arguments, `max` all that is known, but never a secret's value. */
  | { type: 'provenance'; mode: 'min' | 'max' }
  /** Which packages are in it. */
  | { type: 'sbom' };

/** What the last vertex of one platform led to. */
export interface PlatformResult {
  platform: Platform;
  image: ImageId;
}

export interface BuildResult {
  /** Of the first platform; its name is `tags`' first. */
  image: ImageId;
  /** What names mean: a manifest, or an index of several. Absent when nothing of the build is an image. */
  digest?: Digest;
  /** BuildKit's keys of `--metadata-file`. */
  metadata: Readonly<Record<string, unknown>>;
}
