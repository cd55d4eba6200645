import type { DescriptorJson } from '../docker/image.ts';

/** What a registry has under a name. */
export interface RegistryManifestJson {
  /** The full name. */
  Ref: string;
  Descriptor: DescriptorJson;
  /** The document, in base64. */
  Raw: string;
}

/** An index that a registry is to keep, of images that it has. */
export interface IndexPushBody {
  Target: string;
  /** The document, in base64. */
  Raw: string;
  Sources: { Ref: string; Digest: string }[];
  Insecure?: boolean;
}

/** Layers of all images that are unpacked here. */
export interface ImageLayersJson {
  Id: string;
  RepoTags: string[];
  Size: number;
  /** Lowest first. */
  Layers: { ID: string; Size: number }[];
}
