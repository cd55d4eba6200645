import type { Engine } from '../../../engine/host/engine.ts';
import type { ImageId } from '../../../foundation/oci/digest.ts';
import type { BuildCacheJson } from '../../../foundation/wire/silo/builds.ts';

export interface BuildCacheEngine {
  images: Pick<Engine['images'], 'list' | 'contentOf' | 'resolve'>;
  containers: Pick<Engine['containers'], 'list'>;
  builds: Pick<Engine['builds'], 'isStep' | 'cacheUses' | 'caches' | 'contexts'>;
}

/** The record that stands for all contents of clients' folders. */
export const contextsId = 'contexts';

/** What builds left for the next ones: results of steps, what their cache mounts hold, and contents of contexts. `layersBytes` says what layers take. */
export function listBuildCache(
  { images, containers, builds }: BuildCacheEngine,
  layersBytes: Readonly<Record<string, number>>,
): BuildCacheJson[] {
  const list = images.list();
  const uses = builds.cacheUses();
  const inUse = new Set<string>(containers.list().map(({ imageId }) => imageId));
  const layersOf = new Map(list.map(({ id }) => [id, images.contentOf(id).layers] as const));
  const steps = list.filter(({ id, tags }) => tags.length === 0 && builds.isStep(id));
  const isStep = new Set(steps.map(({ id }) => id));
  const shared = new Set(list.flatMap(({ id }) => (isStep.has(id) ? [] : [...(layersOf.get(id) ?? [])])));
  // A step that changed no file has the layers of the one before: a layer counts once, for the step that made it.
  const owners = new Map<string | undefined, ImageId>();
  for (const { id } of steps.toSorted((a, b) => a.createdAtMs - b.createdAtMs)) {
    const top = layersOf.get(id)?.at(-1);
    if (!owners.has(top)) owners.set(top, id);
  }
  return [
    ...steps.map(({ id, createdAtMs }): BuildCacheJson => {
      const layers = layersOf.get(id) ?? [];
      const top = layers.at(-1);
      const owner = owners.get(top);
      const parent = owner === id ? owners.get(layers.at(-2)) : owner;
      const use = uses.get(id);
      return {
        ID: id,
        Parents: parent === undefined || parent === id ? null : [parent],
        Type: 'regular',
        Description: describe(images, id),
        InUse: inUse.has(id),
        Shared: top !== undefined && shared.has(top),
        Size: top === undefined || owner !== id ? 0 : (layersBytes[top] ?? 0),
        CreatedAt: new Date(createdAtMs).toISOString(),
        LastUsedAt: use === undefined ? null : new Date(use.lastUsedAtMs).toISOString(),
        UsageCount: use?.uses ?? 0,
      };
    }),
    ...builds
      .caches()
      .map(({ id, name, sizeBytes, createdAtMs, usedAtMs, uses: count, inUse: isUsed }): BuildCacheJson => ({
        ID: id,
        Parents: null,
        Type: 'exec.cachemount',
        Description: `cached mount ${name}`,
        InUse: isUsed,
        Shared: false,
        Size: sizeBytes,
        CreatedAt: new Date(createdAtMs).toISOString(),
        LastUsedAt: new Date(usedAtMs).toISOString(),
        UsageCount: count,
      })),
    ...contexts(builds),
  ];
}

function contexts(builds: BuildCacheEngine['builds']): BuildCacheJson[] {
  const { sizeBytes, lastUsedMs } = builds.contexts.usage();
  if (sizeBytes === 0) return [];
  const time = new Date(lastUsedMs).toISOString();
  return [
    {
      ID: contextsId,
      Parents: null,
      Type: 'source.local',
      Description: 'files of build contexts',
      InUse: false,
      Shared: false,
      Size: sizeBytes,
      CreatedAt: time,
      LastUsedAt: time,
      UsageCount: 1,
    },
  ];
}

function describe(images: Pick<Engine['images'], 'resolve'>, id: ImageId): string {
  try {
    return images.resolve(id).config.history?.at(-1)?.created_by ?? '';
  } catch {
    // Removed meanwhile.
    return '';
  }
}
