import { notFound, unsupported } from '../../foundation/base/errors.ts';
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
      if (found === undefined) throw unknownBlob(repository, digest);
      return found;
    },
    async open(repository, digest) {
      leases.touch(repository, digest);
      return store.blobs.open(repository, digest);
    },
    async mount(repository, digest, from) {
      leases.touch(repository, digest);
      return store.blobs.share(digest, from, repository);
    },
    async remove(repository, digest) {
      const state = await repositories.find(repository);
      if (state !== undefined) await loadGraph(context, state);
      await locks.run(repository, async () => {
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
