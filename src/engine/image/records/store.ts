import type { Database } from '../../../foundation/db/database.ts';
import type { ImageConfig } from '../../../foundation/oci/image-config.ts';
import { createImageMemory } from './memory.ts';
import type { ImageStore } from './records.ts';
import {
  readRows,
  removeBlobRow,
  removeRows,
  tables,
  writeDigest,
  writeImage,
  writeTag,
  writeUnpacked,
} from './rows.ts';

export function createImageStore(database: Database): ImageStore {
  database.migrate('image', tables);
  const memory = createImageMemory();
  const rows = readRows(database);
  for (const { image, createdAtMs, taggedAtMs } of rows.images) memory.put(image, createdAtMs, taggedAtMs);
  for (const { name, ...target } of rows.tags) memory.setTag(name, target);
  for (const { name, image } of rows.digests) memory.addDigest(name, image);

  return {
    list: memory.list,
    find: memory.find,
    findByPrefix: memory.findByPrefix,
    findName: (name) => memory.findTag(name),
    findDigest: memory.findDigest,
    publish(published, names, nowMs, { mayBeLost } = {}) {
      const [first] = published;
      const target = { image: first.id, target: names.target ?? first.manifestDigest };
      const images = published.map((image) => memory.joined(image));
      const write = (work: () => void): void =>
        mayBeLost ? database.transactionRelaxed(work) : database.transaction(work);
      write(() => {
        for (const image of images) writeImage(database, image, createdAt(image.config), names.digests);
        for (const tag of names.tags) writeTag(database, tag, target, nowMs);
      });
      for (const image of images) memory.put(image, createdAt(image.config));
      for (const tag of names.tags) memory.setTag(tag, target, nowMs);
      // The first last: it is what the digest means.
      for (const name of names.digests)
        for (const image of images.toReversed()) memory.addDigest(name, image.id);
      return memory.get(first.id);
    },
    setUnpacked(id, layers) {
      writeUnpacked(database, id, layers);
      memory.setUnpacked(id, layers);
    },
    removeBlob(id, digest) {
      removeBlobRow(database, id, digest);
      memory.removeBlob(id, digest);
    },
    withBlob: memory.withBlob,
    setTag(name, target, nowMs) {
      database.transaction(() => writeTag(database, name, target, nowMs));
      memory.setTag(name, target, nowMs);
    },
    addDigest(name, image) {
      writeDigest(database, name, image);
      memory.addDigest(name, image);
    },
    remove(names, image) {
      removeRows(database, names, image);
      for (const name of names) memory.removeName(name);
      if (image) memory.remove(image);
    },
    layerSizes: memory.layerSizes,
    blobsOf: memory.blobsOf,
    hasBlob: memory.hasBlob,
    hasLayer: memory.hasLayer,
  };
}

/** An absent time is 0 here and the year 1 to Docker's clients. */
function createdAt(config: ImageConfig): number {
  const time = Date.parse(config.created ?? '');
  return Number.isFinite(time) ? time : 0;
}
