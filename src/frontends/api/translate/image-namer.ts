import type { ContainerRecord } from '../../../engine/container/container.ts';
import type { ImageQueries } from '../../../engine/image/image.ts';

/**
 * What to show as a container's image: the name by which it was asked for, or the id when that name means another image by now. Answers are kept,
 * as many containers come from few images.
 */
export function createImageNamer(
  images: Pick<ImageQueries, 'resolve'>,
): (record: Pick<ContainerRecord, 'imageName' | 'imageId'>) => string {
  const idOf = new Map<string, string | undefined>();
  const resolve = (name: string): string | undefined => {
    if (!idOf.has(name)) idOf.set(name, find(images, name));
    return idOf.get(name);
  };
  return ({ imageName, imageId }) => (resolve(imageName) === imageId ? imageName : imageId);
}

function find(images: Pick<ImageQueries, 'resolve'>, name: string): string | undefined {
  try {
    return images.resolve(name).id;
  } catch {
    return undefined;
  }
}
