import type { Descriptor, Platform } from '../../foundation/oci/descriptor.ts';
import type { Digest } from '../../foundation/oci/digest.ts';
import type { Reference } from '../../foundation/oci/reference.ts';
import type { FoundRepository, RegistryCredentials } from '../../resources/distribution/distribution.ts';

/** Questions to registries that bring nothing here. */
export interface ImageRegistries {
  /**
   * Resolves when the registry takes the credentials; `unauthorized` otherwise. They are not kept. To the identity token that is to be kept instead of
   * the password, where the registry gives one.
   */
  login(request: {
    host: string;
    credentials: RegistryCredentials;
    signal?: AbortSignal;
  }): Promise<string | undefined>;
  /** Repositories that a registry finds by words; only few have such a search. */
  search(request: SearchRequest): Promise<FoundRepository[]>;
  /** The manifest or index that a name means at its registry. */
  manifest(request: RegistryManifestRequest): Promise<RegistryManifest>;
  /** Puts an index of images that the registry has into one of its repositories. */
  pushIndex(request: IndexPush): Promise<Digest>;
  /** What a name means at its registry now. */
  inspect(request: {
    reference: Reference;
    credentials?: RegistryCredentials;
    signal?: AbortSignal;
  }): Promise<RemoteImage>;
}

export interface RegistryManifestRequest {
  reference: Reference;
  /** This host may be spoken to unverified, as the caller said. */
  insecure?: boolean;
  credentials?: RegistryCredentials;
  signal?: AbortSignal;
}

export interface RegistryManifest {
  /** Of an image with its platform. */
  descriptor: Descriptor;
  bytes: Uint8Array;
}

export interface IndexPush extends Omit<RegistryManifestRequest, 'reference'> {
  target: Reference;
  /** The index as it is to be stored. */
  bytes: Uint8Array;
  /** Where each of its manifests is; the same registry. */
  sources: readonly { reference: Reference; digest: Digest }[];
}

export interface SearchRequest {
  /** Words, or `host/words` for the registry of that host. */
  term: string;
  limit: number;
  credentials?: RegistryCredentials;
  signal?: AbortSignal;
}

export interface RemoteImage {
  /** Of the index, or of the manifest where there is none. */
  descriptor: Descriptor;
  platforms: Platform[];
}
