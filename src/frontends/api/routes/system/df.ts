import type { DiskPart, DiskUsage } from '../../../../engine/host/disk.ts';
import type { Engine } from '../../../../engine/host/engine.ts';
import { invalid } from '../../../../foundation/base/errors.ts';
import type { SystemDfJson } from '../../../../foundation/wire/docker/system.ts';
import { ok, type Route } from '../../call.ts';
import { listBuildCache } from '../../translate/build-cache.ts';
import { isFurtherPlatform, toImageSummary } from '../../translate/image-json.ts';
import { toVolumeJson } from '../../translate/volume-json.ts';
import { summarize } from '../containers/list.ts';
import { volumeUsers } from '../volumes/usage.ts';

const partOf: Record<string, DiskPart | undefined> = {
  container: 'containers',
  image: 'images',
  volume: 'volumes',
  'build-cache': 'images',
};

export type DiskUsageEngine = {
  containers: Pick<Engine['containers'], 'list' | 'networkOf' | 'sizeOf'>;
  images: Pick<Engine['images'], 'list' | 'resolve' | 'contentOf' | 'variants'>;
  volumes: Pick<Engine['volumes'], 'list'>;
  disk: Pick<Engine['disk'], 'usage'>;
  builds: Pick<Engine['builds'], 'isStep' | 'cacheUses' | 'caches' | 'contexts'>;
};

/** `type` may be repeated and asks for parts. All sizes are what the disk gives, as `du` counts. */
export function diskUsage(engine: DiskUsageEngine): Route {
  return {
    method: 'GET',
    path: '/system/df',
    async handle({ query, minor }) {
      const types = query.getAll('type');
      for (const type of types)
        if (!Object.hasOwn(partOf, type))
          throw invalid(`unknown object type: ${type.slice(0, 80)}`, { code: 'bad-object-type' });
      const wants = (type: string): boolean => types.length === 0 || types.includes(type);
      const parts = [
        ...new Set(
          Object.keys(partOf)
            .filter(wants)
            .flatMap((type) => partOf[type] ?? []),
        ),
      ];
      const usage = parts.length > 0 ? await engine.disk.usage({ parts }) : undefined;
      const answer: SystemDfJson = {
        ...(usage && wants('image')
          ? { LayersSize: usage.imagesBytes, Images: imagesWithSizes(engine, usage, minor) }
          : {}),
        ...(usage && wants('container') ? { Containers: await containersWithSizes(engine, usage) } : {}),
        ...(usage && wants('volume') ? { Volumes: volumesWithSizes(engine, usage) } : {}),
        ...(usage && wants('build-cache') ? { BuildCache: listBuildCache(engine, usage.layersBytes) } : {}),
      };
      return ok(answer);
    },
  };
}

/** Sizes are of layers and blobs; shared is what another image has too. Further platforms of a name are part of its image. */
function imagesWithSizes(
  { images, containers }: DiskUsageEngine,
  { layersBytes, blobsBytes }: DiskUsage,
  minor: number,
): ReturnType<typeof toImageSummary>[] {
  const shown = images.list().filter((image) => !isFurtherPlatform(image));
  const contents = shown.map((image) => {
    const others = image.tags.flatMap((tag) => images.variants(tag)).filter(isFurtherPlatform);
    const ids = [...new Set([image, ...others].map(({ id }) => id))];
    const found = ids.map((id) => images.contentOf(id));
    const layers = new Set(found.flatMap((content) => content.layers));
    const blobs = new Set(found.flatMap((content) => content.blobs));
    return {
      image,
      ids,
      parts: [
        ...[...layers].map((layer): [string, number] => [`layer ${layer}`, layersBytes[layer] ?? 0]),
        ...[...blobs].map((blob): [string, number] => [`blob ${blob}`, blobsBytes[blob] ?? 0]),
      ],
    };
  });
  const owners = new Map<string, number>();
  for (const { parts } of contents) for (const [part] of parts) owners.set(part, (owners.get(part) ?? 0) + 1);
  const users = Map.groupBy(containers.list(), ({ imageId }) => imageId);
  return contents.map(({ image, ids, parts }) =>
    toImageSummary(
      { ...image, sizeBytes: sum(parts) },
      {
        minor,
        containers: ids.reduce((count, id) => count + (users.get(id)?.length ?? 0), 0),
        sharedBytes: sum(parts.filter(([part]) => (owners.get(part) ?? 0) > 1)),
      },
    ),
  );
}

async function containersWithSizes(
  engine: DiskUsageEngine,
  usage: DiskUsage,
): Promise<NonNullable<SystemDfJson['Containers']>> {
  const records = engine.containers.list();
  const imageBytes = new Map(engine.images.list().map(({ id, sizeBytes }) => [id, sizeBytes]));
  const rootBytes = new Map(records.map(({ id, imageId }) => [id as string, imageBytes.get(imageId) ?? 0]));
  const listed = await summarize(engine, records, { sizes: false });
  return listed.map((container) => {
    const bytes = usage.containersBytes[container.Id] ?? 0;
    return { ...container, SizeRw: bytes, SizeRootFs: bytes + (rootBytes.get(container.Id) ?? 0) };
  });
}

function volumesWithSizes(
  engine: DiskUsageEngine,
  { volumesBytes }: DiskUsage,
): NonNullable<SystemDfJson['Volumes']> {
  const users = volumeUsers(engine.containers);
  return engine.volumes.list().map((volume) => ({
    ...toVolumeJson(volume),
    UsageData: { Size: volumesBytes[volume.name] ?? 0, RefCount: users.get(volume.name) ?? 0 },
  }));
}

const sum = (parts: readonly [string, number][]): number =>
  parts.reduce((total, [, bytes]) => total + bytes, 0);
