import type { ImageQueries, ImageRecord } from '../../../engine/image/image.ts';
import { familiarNames } from '../translate/image-json.ts';
import { booleanFilter, type Filters, matchesLabels } from './filters.ts';
import { compileGlob } from './glob.ts';
import { parseMoment } from './times.ts';

export const imageFilterNames: readonly string[] = [
  'before',
  'dangling',
  'label',
  'reference',
  'since',
  'until',
];

/** One test of an image for all filters. Unknown images in `before` and `since` are not found. */
export function createImageFilter(
  filters: Filters,
  images: Pick<ImageQueries, 'resolve'>,
): (image: ImageRecord) => boolean {
  const dangling = booleanFilter(filters, 'dangling');
  const momentsOf = (name: string): number[] =>
    (filters.get(name) ?? []).map((other) => images.resolve(other).createdAtMs);
  const before = momentsOf('before');
  const since = momentsOf('since');
  const until = (filters.get('until') ?? []).map((text) => parseMoment(text, Date.now()));
  const patterns = filters.get('reference')?.map(compileGlob);
  return (image) =>
    (dangling === undefined || dangling === isDangling(image)) &&
    before.every((moment) => image.createdAtMs < moment) &&
    since.every((moment) => image.createdAtMs > moment) &&
    until.every((moment) => image.createdAtMs < moment) &&
    matchesLabels(filters, image.config.config?.Labels ?? {}) &&
    (patterns === undefined || patterns.some((matches) => namesToMatch(image).some(matches)));
}

/** Nothing with a tag means it, not even as a further platform. */
export function isDangling({ tags, variantOf }: ImageRecord): boolean {
  return tags.length === 0 && variantOf.length === 0;
}

/** Docker matches patterns with the name alone and with its tag. */
function namesToMatch(image: ImageRecord): string[] {
  return familiarNames([...image.tags, ...image.digests]).flatMap((name) => [
    name,
    name.replace(/(:[^:/]+|@.*)$/, ''),
  ]);
}
