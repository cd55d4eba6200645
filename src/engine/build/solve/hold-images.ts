import type { ImageHold } from '../../image/image-holds.ts';
import type { BuildDeps } from './types.ts';

/** Whatever image comes to a build, or is made by it, stays until the build ends. */
export function holdImages(deps: BuildDeps, hold: ImageHold): BuildDeps {
  const { images, changes } = deps;
  return {
    ...deps,
    images: {
      ...images,
      resolve(name, platform) {
        const image = images.resolve(name, platform);
        hold.add(image.id);
        return image;
      },
      async pull(request) {
        const result = await images.pull(request);
        hold.add(result.image.id);
        return result;
      },
      async unpack(id, signal) {
        const image = await images.unpack(id, signal);
        hold.add(image.id);
        return image;
      },
      async load(archive, options) {
        const loaded = await images.load(archive, options);
        for (const { id } of loaded) hold.add(id);
        return loaded;
      },
      async compose(request) {
        const image = await images.compose(request);
        hold.add(image.id);
        return image;
      },
    },
    changes: {
      ...changes,
      async commit(id, request) {
        const image = await changes.commit(id, request);
        hold.add(image);
        return image;
      },
    },
  };
}
