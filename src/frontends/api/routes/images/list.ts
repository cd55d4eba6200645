import type { Engine } from '../../../../engine/host/engine.ts';
import type { ImageRecord } from '../../../../engine/image/image.ts';
import { ok, type Route } from '../../call.ts';
import { createImageFilter, imageFilterNames } from '../../input/image-filters.ts';
import { parseFilters } from '../../input/filters.ts';
import { queryFlag } from '../../input/query.ts';
import { toImageSummary } from '../../translate/image-json.ts';
import { since } from '../../versions.ts';

/** `images`: newest first. There are no intermediate images, so `all` changes nothing. */
export function listImages(engine: { images: Pick<Engine['images'], 'list' | 'resolve'> }): Route {
  return {
    method: 'GET',
    path: '/images/json',
    async handle({ query, minor }) {
      const filters = parseFilters(query, imageFilterNames);
      // A name pattern once had a parameter of its own.
      const pattern = minor < since.noFilterParameter ? query.get('filter') : null;
      const extended = pattern ? new Map([...filters, ['reference', [pattern]]]) : filters;
      const isWanted = createImageFilter(extended, engine.images);
      const images = engine.images.list().filter(isWanted).toSorted(newestFirst);
      const shared = queryFlag(query, 'shared-size') ? sharedBytesOf(images) : undefined;
      return ok(
        images.map((image) =>
          toImageSummary(image, { minor, containers: -1, sharedBytes: shared?.get(image.id) ?? -1 }),
        ),
      );
    },
  };
}

/** An image shares its lowest layers with others; as sizes of single layers are not known here, whole images count. */
function sharedBytesOf(images: readonly ImageRecord[]): Map<string, number> {
  const users = new Map<string, number>();
  for (const { layers } of images) for (const layer of layers) users.set(layer, (users.get(layer) ?? 0) + 1);
  return new Map(
    images.map(({ id, layers, sizeBytes }) => {
      const top = layers.at(-1);
      return [id, top !== undefined && (users.get(top) ?? 0) > 1 ? sizeBytes : 0];
    }),
  );
}

function newestFirst(a: ImageRecord, b: ImageRecord): number {
  return b.createdAtMs - a.createdAtMs || (a.id < b.id ? -1 : 1);
}
