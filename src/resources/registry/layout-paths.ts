import { join } from 'node:path';
import { type Digest, digestAlgorithm, digestHex } from '../../foundation/oci/digest.ts';
import type { RepositoryName } from '../../foundation/oci/repository-name.ts';

/** Names that an OCI image layout gives to its own (image-layout.md). */
const ownNames = new Set(['blobs', 'index.json', 'oci-layout']);

/** Where things lie below the root of a store. No component of a repository's name begins with `.` or `_`, so nothing collides. */
export interface LayoutPaths {
  /** What is not an image layout: the pool of shared blobs, uploads, the lock. */
  readonly own: string;
  readonly uploads: string;
  /** An OCI image layout. */
  repository(name: RepositoryName): string;
  blobFolder(name: RepositoryName, digest: Digest): string;
  blob(name: RepositoryName, digest: Digest): string;
  pooled(digest: Digest): string;
  poolFolder(algorithm: string): string;
}

const ownFolder = '.silo';

export function layoutPaths(root: string): LayoutPaths {
  const own = join(root, ownFolder);
  const repository = (name: RepositoryName): string =>
    join(root, ...name.split('/').map((part) => toFolder(part)));
  const blobFolder = (name: RepositoryName, digest: Digest): string =>
    join(repository(name), 'blobs', digestAlgorithm(digest));
  const poolFolder = (algorithm: string): string => join(own, 'blobs', algorithm);
  return {
    own,
    uploads: join(own, 'uploads'),
    repository,
    blobFolder,
    blob: (name, digest) => join(blobFolder(name, digest), digestHex(digest)),
    poolFolder,
    pooled: (digest) => join(poolFolder(digestAlgorithm(digest)), digestHex(digest)),
  };
}

/** The folder of one component of a name: `team/blobs` must not lie in the blobs of `team`. */
function toFolder(component: string): string {
  return ownNames.has(component) ? `_${component}` : component;
}

/** The component that a folder stands for; undefined for what belongs to a layout itself. */
export function fromFolder(folder: string): string | undefined {
  if (ownNames.has(folder) || folder.startsWith('.')) return undefined;
  return folder.startsWith('_') && ownNames.has(folder.slice(1)) ? folder.slice(1) : folder;
}
