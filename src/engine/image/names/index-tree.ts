import { invalid } from '../../../foundation/base/errors.ts';
import type { Descriptor } from '../../../foundation/oci/descriptor.ts';
import { type Digest, isDigest } from '../../../foundation/oci/digest.ts';
import { type ImageIndex, type ManifestDocument, manifestLimits } from '../../../foundation/oci/manifest.ts';
import { isIndexType } from '../../../foundation/oci/media-types.ts';
import { isAttestation } from '../../../foundation/oci/platform.ts';

/** Everything below an index, flat: its own entries and those of the indexes in it. */
export interface IndexTree {
  /** Further indexes, parents first. */
  indexes: Descriptor[];
  manifests: TreeManifest[];
  /** An index in it is not known, or it points at something that is no manifest. */
  isCut: boolean;
}

export interface TreeManifest {
  descriptor: Descriptor;
  /** Manifest of the image that this attestation is about. */
  attests?: Digest | undefined;
  isAttestation: boolean;
}

/** Nobody in good faith goes deeper or wider; a registry may claim anything. */
const limits = { depth: 3, indexes: 50, manifests: manifestLimits.indexEntries } as const;

/** Walks an index; `open` gives an index below it, or undefined when it is not there. Each digest is visited once. */
export async function walkIndex(
  root: ImageIndex,
  open: (descriptor: Descriptor) => Promise<ManifestDocument | undefined>,
): Promise<IndexTree> {
  const tree: IndexTree = { indexes: [], manifests: [], isCut: false };
  const seen = new Set<Digest>();
  let level: ImageIndex[] = [root];
  for (let depth = 1; level.length > 0; depth++) {
    const below: ImageIndex[] = [];
    for (const entry of level.flatMap(({ manifests }) => manifests)) {
      if (seen.has(entry.digest)) continue;
      seen.add(entry.digest);
      if (!isIndexType(entry.mediaType)) {
        addManifest(tree, entry);
        continue;
      }
      if (depth >= limits.depth || tree.indexes.length >= limits.indexes) throw tooNested();
      tree.indexes.push(entry);
      const document = await open(entry);
      if (document?.kind === 'index') below.push(document.index);
      else tree.isCut = true;
    }
    level = below;
  }
  return tree;
}

function addManifest(tree: IndexTree, descriptor: Descriptor): void {
  if (tree.manifests.length >= limits.manifests)
    throw invalid(`the image's indexes have more than ${limits.manifests} entries`, { code: 'wide-index' });
  const of = descriptor.annotations?.['vnd.docker.reference.digest'];
  tree.manifests.push({
    descriptor,
    isAttestation: isAttestation(descriptor),
    attests: of !== undefined && isDigest(of) ? of : undefined,
  });
}

function tooNested(): Error {
  return invalid(
    `the image's indexes are nested deeper than ${limits.depth}, or more than ${limits.indexes} are in it`,
    { code: 'nested-index' },
  );
}
