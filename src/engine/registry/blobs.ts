import { isKind, notFound, unsupported } from '../../foundation/base/errors.ts';
import type { Digest } from '../../foundation/oci/digest.ts';
import type { RepositoryName } from '../../foundation/oci/repository-name.ts';
import type { RegistryContext } from './context.ts';
import { loadGraph } from './graph.ts';
import type { RegistryBlobs } from './registry.ts';

export function createBlobs(context: RegistryContext): RegistryBlobs {
  const { store, repositories, leases, locks } = context;
  return {
    async info(repository, digest) {
      // Before it is looked for: what is found is protected already.
      leases.touch(repository, digest);
      const found = await store.blobs.find(repository, digest);
      if (found !== undefined) return found;
      leases.forget(repository, digest);
      throw unknownBlob(repository, digest);
    },
    async open(repository, digest) {
      leases.touch(repository, digest);
      try {
        return await store.blobs.open(repository, digest);
      } catch (error) {
        if (isKind(error, 'not-found')) leases.forget(repository, digest);
        throw error;
      }
    },
    async mount(repository, digest, from) {
      leases.touch(repository, digest);
      const shared = await store.blobs.share(digest, from, repository);
      if (!shared) leases.forget(repository, digest);
      return shared;
    },
    async remove(repository, digest) {
      const state = await repositories.find(repository);
      if (state !== undefined) await loadGraph(context, state);
      await locks.run(repository, async () => {
        // What the disk still refers to stays.
        await repositories.settled(repository);
        const current = await repositories.find(repository);
        if (current !== undefined) await loadGraph(context, current);
        if (current?.has(digest) === true || current?.isReferred(digest) === true)
          throw unsupported(`blob ${digest} is in use by a manifest of ${repository}`, {
            code: 'blob-in-use',
            hint: 'delete the manifest first',
          });
        if (!(await store.blobs.remove(repository, digest))) throw unknownBlob(repository, digest);
      });
    },
  };
}

function unknownBlob(repository: RepositoryName, digest: Digest): Error {
  return notFound(`blob ${digest} is unknown to ${repository}`, { code: 'blob-unknown' });
}
