import type { Platform } from '../../../foundation/oci/descriptor.ts';
import type { ImageHistory } from '../../../foundation/oci/image-config.ts';
import { familiarName, parseReference } from '../../../foundation/oci/reference.ts';
import type { ImageHistoryEntry, ImageRecord } from '../image.ts';
import { resolveImage } from './resolve.ts';
import type { ImageStore } from '../records/records.ts';

/** Newest first. Images of their own are the first entry and those that it was made from here, as long as they are there. Steps without a layer have no size. */
export function imageHistory(store: ImageStore, nameOrId: string, platform?: Platform): ImageHistoryEntry[] {
  const image = resolveImage(store, nameOrId, platform);
  const sizes = [...store.layerSizes(image.id)];
  const entries = (image.config.history ?? []).map((step) => ({
    createdAtMs: createdAt(step),
    createdBy: step.created_by ?? '',
    comment: step.comment ?? '',
    // A history that claims more layers than there are is only untidy.
    sizeBytes: step.empty_layer === true ? 0 : (sizes.shift() ?? 0),
    tags: [] as string[],
  }));
  const owners = imagesBySteps(store, image);
  return entries
    .map((entry, index) => {
      const owner = owners.get(index + 1);
      if (!owner) return entry;
      return { ...entry, id: owner.id, tags: owner.tags.map((tag) => familiarName(parseReference(tag))) };
    })
    .toReversed();
}

/** The image and its parents, by the number of steps that each has. */
function imagesBySteps(store: ImageStore, image: ImageRecord): Map<number, ImageRecord> {
  const found = new Map<number, ImageRecord>();
  for (let next: ImageRecord | undefined = image; next; next = next.parent && store.find(next.parent))
    found.set(next.config.history?.length ?? 0, next);
  return found;
}

function createdAt(step: ImageHistory): number {
  const time = Date.parse(step.created ?? '');
  return Number.isFinite(time) ? time : 0;
}
