import type { Descriptor } from '../../../foundation/oci/descriptor.ts';
import type { Digest } from '../../../foundation/oci/digest.ts';
import {
  type ManifestDocument,
  manifestLimits,
  parseManifestDocument,
} from '../../../foundation/oci/manifest.ts';
import type { ContentStore } from '../../../resources/content/content.ts';

/** A manifest or an index of the content store, as it was read. */
export interface StoredDocument {
  digest: Digest;
  mediaType: string;
  sizeBytes: number;
  document: ManifestDocument;
}

/** Manifests and indexes by digest. They never change, so what was parsed once is kept: lists ask for hundreds. */
export interface Documents {
  /** Undefined when it is not in the store. */
  find(digest: Digest): Promise<StoredDocument | undefined>;
  /** As `find`, but without a look at the disk when it was read before: for lists of images, whose documents are there. */
  recall(digest: Digest): Promise<StoredDocument | undefined>;
}

const kept = 1_000;
/** Larger ones are read again: they are rare, and a thousand of them are gigabytes. */
const keptBytes = 64 * 1024;

export function createDocuments(content: Pick<ContentStore, 'find' | 'readSmall'>): Documents {
  const known = new Map<Digest, StoredDocument>();
  const find: Documents['find'] = async (digest) => {
    const there = await content.find(digest);
    if (!there) {
      known.delete(digest);
      return undefined;
    }
    const before = known.get(digest);
    if (before) return before;
    const bytes = await content.readSmall(digest, manifestLimits.documentBytes);
    const document = parseManifestDocument(bytes);
    const { mediaType } = document.kind === 'index' ? document.index : document.manifest;
    const read: StoredDocument = { digest, mediaType, sizeBytes: bytes.byteLength, document };
    if (read.sizeBytes <= keptBytes) {
      const [oldest] = known.keys();
      if (known.size >= kept && oldest) known.delete(oldest);
      known.set(digest, read);
    }
    return read;
  };
  return { find, recall: async (digest) => known.get(digest) ?? find(digest) };
}

export function descriptorOf({ digest, mediaType, sizeBytes, document }: StoredDocument): Descriptor {
  const { annotations } = document.kind === 'index' ? document.index : document.manifest;
  return { mediaType, digest, size: sizeBytes, ...(annotations ? { annotations } : {}) };
}
