import type { ImageHistory } from '../../foundation/oci/image-config.ts';
import { familiarName, parseReference } from '../../foundation/oci/reference.ts';
import type { ImageHistoryEntry } from './image.ts';
import { resolveImage } from './resolve.ts';
import type { ImageStore } from './records.ts';

/** Newest first. Only the first entry is an image of its own. Steps without a layer have no size. */
export function imageHistory(store: ImageStore, nameOrId: string): ImageHistoryEntry[] {
  const image = resolveImage(store, nameOrId);
  const sizes = [...store.layerSizes(image.id)];
  const entries = (image.config.history ?? []).map((step) => ({
    createdAtMs: createdAt(step),
    createdBy: step.created_by ?? '',
    comment: step.comment ?? '',
    // A history that claims more layers than there are is only untidy.
    sizeBytes: step.empty_layer === true ? 0 : (sizes.shift() ?? 0),
    tags: [] as string[],
  }));
  return entries
    .toReversed()
    .map((entry, index) =>
      index === 0
        ? { ...entry, id: image.id, tags: image.tags.map((tag) => familiarName(parseReference(tag))) }
        : entry,
    );
}

function createdAt(step: ImageHistory): number {
  const time = Date.parse(step.created ?? '');
  return Number.isFinite(time) ? time : 0;
}
