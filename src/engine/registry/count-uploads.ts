import { toSiloError } from '../../foundation/base/errors.ts';
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
          try {
            await uploads.finish(repository, id, digest, chunk);
          } catch (error) {
            if (toSiloError(error).code === 'digest-invalid') open.delete(id);
            throw error;
          }
          open.delete(id);
        },
        async cancel(repository, id) {
          open.delete(id);
          await uploads.cancel(repository, id);
        },
      },
      upkeep: {
        ...registry.upkeep,
        async collectGarbage(options) {
          const report = await registry.upkeep.collectGarbage(options);
          // Those that nobody came back for are swept with the garbage.
          const known = [...open];
          const left = new Set(await Array.fromAsync(uploads.underWay(), ({ id }) => id));
          for (const id of known) if (!left.has(id)) open.delete(id);
          return report;
        },
      },
    },
  };
}
