import { posix } from 'node:path';
import { invalid } from '../../../foundation/base/errors.ts';
import type { Digest } from '../../../foundation/oci/digest.ts';

/** What an image archive held. Paths in it are only keys; none ever names a file of the host. */
export interface ArchiveContent {
  /** One of the small documents at the top (`manifest.json`, `index.json`). */
  document(name: string): Uint8Array | undefined;
  /** Digest of the file, through the archive's own links. */
  find(path: string): Digest | undefined;
  /** As `find`; kind `invalid` when the archive lacks it. */
  get(path: string): Digest;
}

/** Filled while the archive passes. */
export interface ArchiveIndex extends ArchiveContent {
  addDocument(name: string, bytes: Uint8Array): void;
  addBlob(path: string, digest: Digest): void;
  /** `target` as written in a symbolic link. */
  addLink(path: string, target: string): void;
}

const maximumLinks = 10;

export function createArchiveIndex(): ArchiveIndex {
  const documents = new Map<string, Uint8Array>();
  const blobs = new Map<string, Digest>();
  const links = new Map<string, string>();
  const find = (path: string): Digest | undefined => {
    let current = cleanPath(path);
    for (let followed = 0; followed <= maximumLinks; followed++) {
      const digest = blobs.get(current);
      if (digest) return digest;
      const target = links.get(current);
      if (target === undefined) return undefined;
      current = target;
    }
    return undefined;
  };
  return {
    document: (name) => documents.get(name),
    find,
    get(path) {
      const digest = find(path);
      if (!digest)
        throw invalid(`the archive lacks "${path.slice(0, 200)}", which it says an image consists of`, {
          code: 'archive-incomplete',
          hint: 'save the image again; the file may be cut off',
        });
      return digest;
    },
    addDocument: (name, bytes) => void documents.set(name, bytes),
    addBlob: (path, digest) => void blobs.set(path, digest),
    addLink: (path, target) => void links.set(path, cleanPath(posix.join(posix.dirname(path), target))),
  };
}

/** `./a//b` and `/a/b` are `a/b`; what leads out of the archive names nothing in it. */
export function cleanPath(path: string): string {
  return posix.normalize(`/${path}`).slice(1).replace(/\/$/, '');
}
