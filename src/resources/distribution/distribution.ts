import type { Descriptor } from '../../foundation/oci/descriptor.ts';
import type { Digest } from '../../foundation/oci/digest.ts';
import type { Reference } from '../../foundation/oci/reference.ts';

/** Talks to one registry (OCI distribution specification 1.1) about one repository. */
export interface RegistryClient {
  /** What the reference names now: manifest bytes with checked digest. Errors: not-found, unauthorized, unavailable, corrupt. */
  manifest(reference: Reference, signal?: AbortSignal): Promise<FetchedManifest>;
  /** A manifest of the same repository by descriptor; size and digest are checked. */
  manifestBy(reference: Reference, descriptor: Descriptor, signal?: AbortSignal): Promise<FetchedManifest>;
  /**
   * The bytes of a blob from `offset`; `startsAt` tells where the server really began (0 when it ignored the range). Capped at the declared
   * size; retries are the caller's (see `fetchBlob`).
   */
  blob(
    reference: Reference,
    descriptor: Descriptor,
    options: { offset: number; signal?: AbortSignal },
  ): Promise<OpenedBlob>;
  /** Manifests of the same repository that are about this one: signatures, lists of packages. None where the registry knows none. */
  referrers(reference: Reference, subject: Digest, signal?: AbortSignal): Promise<Descriptor[]>;
  /** All tags of the repository. */
  tags(reference: Reference, signal?: AbortSignal): Promise<string[]>;
  /**
   * Whether a registry takes the credentials: it answers `/v2/` with them. `unauthorized` otherwise. Resolves to the identity token that its token
   * server gave instead of the password, where it gives such.
   */
  check(host: string, signal?: AbortSignal): Promise<string | undefined>;
  /** Repositories by words: the search of the protocol's first version, which few registries have. */
  search(
    host: string,
    query: { text: string; limit: number; signal?: AbortSignal },
  ): Promise<FoundRepository[]>;
}

export interface OpenedBlob {
  startsAt: number;
  body: AsyncIterable<Uint8Array>;
  /** There when another place has the blob too: what came was wrong, do not ask there again. */
  distrust?: () => void;
}

/** The other direction, for one repository too. Made with `access.pushes`. */
export interface RegistryPublisher {
  /** Whether the repository has the blob, with this size. */
  hasBlob(reference: Reference, descriptor: Descriptor, signal?: AbortSignal): Promise<boolean>;
  /**
   * Gives the repository a blob that it lacks. `mountFrom` is another repository of the same registry that should have it: then no byte is
   * sent if the registry agrees. A broken connection is taken up where the registry says it stopped.
   */
  upload(
    reference: Reference,
    descriptor: Descriptor,
    options: UploadOptions,
  ): Promise<'uploaded' | 'mounted'>;
  /**
   * Puts the manifest under the reference's tag, or its digest when there is none; the registry's digest must be ours. `listsReferrers`: it has noted
   * what the manifest is about; otherwise that is the client's.
   */
  putManifest(
    reference: Reference,
    manifest: FetchedManifest,
    signal?: AbortSignal,
  ): Promise<{ listsReferrers: boolean }>;
}

export interface UploadOptions {
  /** The blob's bytes from `start` (inclusive) to `end` (exclusive). */
  open: (range: { start: number; end: number }) => AsyncIterable<Uint8Array>;
  mountFrom?: string | undefined;
  /** Bytes that the registry has been sent. */
  onProgress?: ((bytes: number) => void) | undefined;
  signal?: AbortSignal | undefined;
}

export interface FoundRepository {
  name: string;
  description: string;
  stars: number;
  isOfficial: boolean;
}

export interface FetchedManifest {
  mediaType: string;
  digest: Digest;
  bytes: Uint8Array;
}

/** How to reach and trust registries: from the daemon's configuration and from the request. */
export interface RegistryAccess {
  /** Hosts (`name`, `name:port`, CIDR) that may be spoken to over plain HTTP. Loopback always may. */
  insecure: readonly string[];
  /** For the host of the reference only; shown to no other, save a token server that belongs to it (`realm.ts`). */
  credentials?: RegistryCredentials;
  /** Rights to write are asked for, and to read these other repositories of the registry. */
  pushes?: { mountsFrom: readonly string[] };
  /** Further hosts that may see the credentials when a registry (by its host) names them as token servers. */
  tokenServers?: Readonly<Record<string, readonly string[]>>;
  /** Where the registry is, when that is known with its scheme: a mirror's. Ends with `/v2/`. */
  origin?: URL;
}

/** `token` is sent to the registry as it is; `identityToken` is exchanged at the token server (Docker's `identitytoken`). */
export type RegistryCredentials =
  | { username: string; password: string }
  | { token: string }
  | { identityToken: string };
