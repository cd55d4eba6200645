import type { RepositoryState } from './repository-state.ts';
import type { RegistryContext } from './context.ts';
import { manifestLimitBytes, readManifestFacts } from './manifest-facts.ts';
import { readSmallBlob } from './read-blob.ts';

/**
 * Reads what the manifests of a repository refer to, as far as it is not known; manifests that are put later bring their facts along. Fails when one
 * cannot be read: then nobody knows what may be deleted. Also finds manifests of an index that index.json does not list, which is how other
 * tools write a layout.
 */
export async function loadGraph(
  { store }: Pick<RegistryContext, 'store'>,
  state: RepositoryState,
): Promise<void> {
  while (!state.isKnown()) {
    const unknown = [...state.manifests()].filter(({ digest }) => state.facts(digest) === undefined);
    for (const { digest, mediaType } of unknown) {
      const bytes = await readSmallBlob(store.blobs, {
        repository: state.name,
        digest,
        limitBytes: manifestLimitBytes,
      });
      const facts = readManifestFacts(bytes, mediaType);
      for (const child of facts.children) {
        if (state.has(child.digest)) continue;
        const found = await store.blobs.find(state.name, child.digest);
        if (found === undefined || found.sizeBytes > manifestLimitBytes) continue;
        const childBytes = await readSmallBlob(store.blobs, {
          repository: state.name,
          digest: child.digest,
          limitBytes: manifestLimitBytes,
        });
        const childFacts = readManifestFacts(childBytes, undefined);
        state.put(
          { digest: child.digest, mediaType: childFacts.mediaType, sizeBytes: found.sizeBytes },
          childFacts,
          undefined,
        );
      }
      state.learn(digest, facts);
    }
  }
}
