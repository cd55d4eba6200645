import type { Digest } from './digest.ts';

/**
 * A parsed image name. `docker.io/library/busybox:latest`: host `docker.io`, path `library/busybox`, tag `latest`. At least one of tag and
 * digest is set once `withDefaultTag` was applied.
 */
export interface Reference {
  readonly host: string;
  readonly path: string;
  readonly tag?: string;
  readonly digest?: Digest;
}
