import type { Registry } from './registry.ts';

/** The same registry, and how many of its uploads are neither finished nor given up since this program runs. */
export function countUploads(registry: Registry): { registry: Registry; underWay: () => number } {
  const open = new Set<string>();
  const { uploads } = registry;
  return {
    underWay: () => open.size,
    registry: {
      ...registry,
      uploads: {
        ...uploads,
        async start(repository, options) {
          const status = await uploads.start(repository, options);
          open.add(status.id);
          return status;
        },
        async finish(repository, id, digest, chunk) {
          await uploads.finish(repository, id, digest, chunk);
          open.delete(id);
        },
        async cancel(repository, id) {
          open.delete(id);
          await uploads.cancel(repository, id);
        },
      },
    },
  };
}
