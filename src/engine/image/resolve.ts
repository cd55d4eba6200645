import type { ImageId } from '../../foundation/oci/digest.ts';
import {
  familiarName,
  formatReference,
  parseReference,
  type Reference,
  repositoryName,
  withDefaultTag,
} from '../../foundation/oci/reference.ts';
import type { ImageRecord } from './image.ts';
import type { ImageStore } from './records.ts';
import { noSuchImage } from './texts.ts';

type Known = Pick<ImageStore, 'find' | 'findByPrefix' | 'findName' | 'findDigest'>;

export interface FoundImage {
  image: ImageRecord;
  /** The name that was meant; undefined when it was an id or the beginning of one. */
  name?: Reference;
}

/**
 * What the user means, in Docker's order: a whole id, then a name, then the beginning of an id. An ambiguous beginning names nothing.
 * Not-found otherwise.
 */
export function findImage(store: Known, nameOrId: string): FoundImage {
  const whole = /^(?:sha256:)?([0-9a-f]{64})$/.exec(nameOrId)?.[1];
  if (whole !== undefined) {
    const image = store.find(`sha256:${whole}` as ImageId);
    if (!image) throw noSuchImage(`sha256:${whole}`);
    return { image };
  }
  const reference = withDefaultTag(parseReference(nameOrId));
  const byName = findReference(store, reference);
  const id = byName ?? findPrefix(store, nameOrId);
  const image = id && store.find(id);
  if (!image) throw noSuchImage(familiarName(reference));
  return byName ? { image, name: reference } : { image };
}

export function resolveImage(store: Known, nameOrId: string): ImageRecord {
  return findImage(store, nameOrId).image;
}

function findReference(store: Known, reference: Reference): ImageId | undefined {
  const name = canonicalName(reference);
  return reference.digest === undefined ? store.findName(name)?.image : store.findDigest(name);
}

/** How a name is kept: with its tag, or with its digest alone, which counts more than a tag beside it. */
export function canonicalName(reference: Reference): string {
  return reference.digest === undefined
    ? formatReference(reference)
    : `${repositoryName(reference)}@${reference.digest}`;
}

function findPrefix(store: Known, typed: string): ImageId | undefined {
  const hex = /^(?:sha256:)?([0-9a-f]{1,64})$/.exec(typed)?.[1];
  const [first, ...others] = hex === undefined ? [] : store.findByPrefix(hex);
  return others.length === 0 ? first : undefined;
}
