import type { Engine } from '../../../../engine/host/engine.ts';
import { ok, type Route } from '../../call.ts';
import type { ImageRecord } from '../../../../engine/image/image.ts';
import { createImageFilter, imageFilterNames } from '../../input/image-filters.ts';
import { parseFilters } from '../../input/filters.ts';
import { queryFlag } from '../../input/query.ts';
import { isFurtherPlatform, toImageSummary } from '../../translate/image-json.ts';
import { manifestFields } from '../../translate/manifest-json.ts';
import { sharedBytesOf } from '../../translate/shared-size.ts';
import { since } from '../../versions.ts';

/** `images`: newest first. Further platforms of a name are told in its manifests; images of steps of builds are shown with `all` alone. */
export function listImages(engine: {
  images: Pick<Engine['images'], 'list' | 'resolve' | 'layerSizes' | 'descriptor' | 'manifests'>;
  containers: Pick<Engine['containers'], 'list'>;
  builds: Pick<Engine['builds'], 'isStep'>;
}): Route {
  return {
    method: 'GET',
    path: '/images/json',
    async handle({ query, minor }) {
      const filters = parseFilters(query, imageFilterNames);
      // A name pattern once had a parameter of its own.
      const pattern = minor < since.noFilterParameter ? query.get('filter') : null;
      const extended = pattern ? new Map([...filters, ['reference', [pattern]]]) : filters;
      const isWanted = createImageFilter(extended, engine.images);
      const all = engine.images.list();
      const withSteps = queryFlag(query, 'all');
      const isHidden = ({ id, tags }: ImageRecord): boolean =>
        !withSteps && tags.length === 0 && engine.builds.isStep(id);
      const images = all
        .filter((image) => !isFurtherPlatform(image) && !isHidden(image) && isWanted(image))
        .toSorted(newestFirst);
      const shared = queryFlag(query, 'shared-size') ? sharedBytesOf(all, engine.images) : undefined;
      const manifests = minor >= since.listedManifests && queryFlag(query, 'manifests');
      const descriptor = minor >= since.imageDescriptors;
      return ok(
        await Promise.all(
          images.map(async (image) => ({
            ...toImageSummary(image, { minor, containers: -1, sharedBytes: shared?.get(image.id) ?? -1 }),
            ...(await manifestFields(engine, image, { descriptor, manifests })),
          })),
        ),
      );
    },
  };
}

function newestFirst(a: ImageRecord, b: ImageRecord): number {
  return b.createdAtMs - a.createdAtMs || (a.id < b.id ? -1 : 1);
}
