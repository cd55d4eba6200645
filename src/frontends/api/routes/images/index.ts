import type { Engine } from '../../../../engine/host/engine.ts';
import type { Route } from '../../call.ts';
import { bootstrapImage } from './bootstrap.ts';
import { buildImage } from './build.ts';
import { commitContainer } from './commit.ts';
import { createImage } from './create.ts';
import { inspectDistribution } from './distribution.ts';
import { historyOfImage } from './history.ts';
import { inspectImage } from './inspect.ts';
import { listLayers } from './layers.ts';
import { listImages } from './list.ts';
import { loadImages } from './load.ts';
import { pinImage } from './pin.ts';
import { pruneBuilds } from './prune-builds.ts';
import { pruneImages } from './prune.ts';
import { pushImage } from './push.ts';
import { pushRegistryIndex, registryManifest } from './registry-manifests.ts';
import { removeImage } from './remove.ts';
import { saveImage, saveImages } from './save.ts';
import { searchImages } from './search.ts';
import { tagImage } from './tag.ts';

export function imageRoutes(engine: Engine): Route[] {
  return [
    listImages(engine),
    inspectDistribution(engine),
    createImage(engine),
    commitContainer(engine),
    buildImage(engine),
    loadImages(engine),
    pruneBuilds(engine),
    pruneImages(engine),
    inspectImage(engine),
    historyOfImage(engine),
    tagImage(engine),
    pushImage(engine),
    searchImages(engine),
    saveImages(engine),
    saveImage(engine),
    removeImage(engine),
    bootstrapImage(engine),
    listLayers(engine),
    registryManifest(engine),
    pushRegistryIndex(engine),
    pinImage(engine, 'pin'),
    pinImage(engine, 'unpin'),
  ];
}
