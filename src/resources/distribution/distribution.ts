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
  ): Promise<{ startsAt: number; body: AsyncIterable<Uint8Array> }>;
  /** Whether a registry takes the credentials: it answers `/v2/` with them. `unauthorized` otherwise. */
  check(host: string, signal?: AbortSignal): Promise<void>;
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
  /** Further hosts that may see the credentials when the registry names them as token servers. */
  tokenServers?: readonly string[];
}

/** `token` is sent to the registry as it is; `identityToken` is exchanged at the token server (Docker's `identitytoken`). */
export type RegistryCredentials =
  | { username: string; password: string }
  | { token: string }
  | { identityToken: string };
