import { bootstrapImage } from './bootstrap/bootstrap.ts';
import { assembleImages } from './assemble/assemble.ts';
import { bundleLayers } from './assemble/bundle.ts';
import { restoreImage } from './assemble/restore.ts';
import { createSource } from './assemble/source.ts';
import { composeImage } from './compose/compose.ts';
import { createContext, type ImageDeps } from './context.ts';
import { describeImage, listManifests } from './names/describe.ts';
import { imageHistory } from './names/history.ts';
import { checkImages } from './records/check.ts';
import type { Bootstrap, ImageChecks, ImageComposition, ImageNames, ImageQueries } from './image.ts';
import type { ImageExports, ImageTransfers } from './transfers.ts';
import type { ImageRegistries } from './registries.ts';
import type { ImageAssembly } from './assemble/assembly.ts';
import { imageTree } from './names/image-tree.ts';
import { importRootfs } from './compose/import.ts';
import { loadArchive } from './archive/load.ts';
import { pullImage } from './pull/pull.ts';
import { pushImage } from './push/push.ts';
import { fetchRegistryManifest, pushRegistryIndex } from './remote/registry-manifests.ts';
import { createRegistries } from './remote/remote.ts';
import { removeImage } from './names/remove.ts';
import { listRemoteTags } from './remote/remote-tags.ts';
import { findImage, resolveImage, variantsOf } from './names/resolve.ts';
import { saveImages } from './archive/save.ts';
import { sweep } from './records/sweep.ts';
import { tagImage } from './names/tag.ts';
import { unpackImage } from './pull/unpack-image.ts';

export type ImageEngine = ImageQueries &
  ImageTransfers &
  ImageExports &
  ImageRegistries &
  ImageNames &
  ImageComposition &
  ImageAssembly &
  Bootstrap &
  ImageChecks;

/** Opens the image records of the database. One engine per content and layer store. */
export function createImageEngine(deps: ImageDeps): ImageEngine {
  const context = createContext(deps);
  return {
    resolve: (nameOrId, platform) => resolveImage(context.store, nameOrId, platform),
    variants: (nameOrId) => variantsOf(context.store, findImage(context.store, nameOrId)),
    descriptor: (id) => describeImage(context, id),
    manifests: (id) => listManifests(context, id),
    layerSizes: (id) => context.store.layerSizes(id),
    list: () => context.store.list(),
    history: async (nameOrId, platform) => imageHistory(context.store, nameOrId, platform),
    contentOf(nameOrId) {
      const { id, layers } = resolveImage(context.store, nameOrId);
      return { layers, blobs: context.store.blobsOf(id) };
    },
    ...createRegistries(context),
    manifest: (request) => fetchRegistryManifest(context, request),
    pushIndex: (request) => pushRegistryIndex(context, request),
    pull: (request) => pullImage(context, request),
    remoteTags: (request) => listRemoteTags(context, request),
    unpack: (id, signal) => unpackImage(context, id, signal),
    push: (request) => pushImage(context, request),
    save: (request) => saveImages(context, request),
    load: (archive, options) => loadArchive(context, archive, options),
    import: (archive, options) => importRootfs(context, archive, options),
    tag: async (nameOrId, target) => tagImage(context, nameOrId, target),
    remove: (nameOrId, options) => removeImage(context, nameOrId, options),
    sweep: () => sweep(context),
    check: (options) => checkImages(context, options),
    compose: (request) => composeImage(context, request),
    restore: (request) => restoreImage(context, request),
    bundle: (request) => bundleLayers(context, request),
    documents: (origin) => createSource(context, origin),
    tree: (id, signal) => imageTree(context, id, signal),
    assemble: (request) => assembleImages(context, request),
    bootstrap: (request) => bootstrapImage(context, request),
  };
}
