import { notFound, type SiloError } from '../../../foundation/base/errors.ts';
import type { Platform } from '../../../foundation/oci/descriptor.ts';
import type { Digest, ImageId } from '../../../foundation/oci/digest.ts';
import { bestFor, formatPlatform } from '../../../foundation/oci/platform.ts';
import {
  familiarName,
  formatReference,
  parseReference,
  type Reference,
  repositoryName,
  withDefaultTag,
} from '../../../foundation/oci/reference.ts';
import type { ImageRecord } from '../image.ts';
import type { ImageStore } from '../records/records.ts';
import { noSuchImage } from '../texts.ts';

type Known = Pick<ImageStore, 'find' | 'findByPrefix' | 'findName' | 'findDigest' | 'withBlob'>;

export interface FoundImage {
  image: ImageRecord;
  /** The name that was meant; undefined when it was an id or the beginning of one. */
  name?: Reference;
  /** What the name means: an index or a manifest. */
  target?: Digest;
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
  if (!byName) return { image };
  const target = reference.digest ?? store.findName(canonicalName(reference))?.target;
  return { image, name: reference, ...(target ? { target } : {}) };
}

/** The image that is meant, or the one of its platforms that suits. */
export function resolveImage(store: Known, nameOrId: string, platform?: Platform): ImageRecord {
  const found = findImage(store, nameOrId);
  if (platform === undefined) return found.image;
  const variants = variantsOf(store, found);
  const best = bestVariant(variants, platform);
  if (best) return best;
  throw noSuchPlatform(found.name ? familiarName(found.name) : nameOrId, platform, variants);
}

/** What is here of all that the name means, its own image first. */
export function variantsOf(store: Pick<Known, 'withBlob'>, { image, target }: FoundImage): ImageRecord[] {
  const others = target ? store.withBlob(target) : [];
  return [image, ...others.filter(({ id }) => id !== image.id)];
}

export function bestVariant(variants: readonly ImageRecord[], platform: Platform): ImageRecord | undefined {
  return bestFor(
    platform,
    variants.filter(({ form }) => form !== 'artifact'),
    platformOf,
  );
}

export function platformOf({ config }: Pick<ImageRecord, 'config'>): Platform {
  const { os, architecture, variant } = config;
  return { os, architecture, ...(variant ? { variant } : {}) };
}

/** Docker's sentence for an image that is not there for the platform that was asked for. */
function noSuchPlatform(name: string, wanted: Platform, variants: readonly ImageRecord[]): SiloError {
  const here = variants
    .filter(({ form }) => form !== 'artifact')
    .map((each) => formatPlatform(platformOf(each)));
  return notFound(
    `image with reference ${name} was found but does not provide the specified platform (${formatPlatform(wanted)})`,
    {
      code: 'platform-mismatch',
      hint:
        here.length === 0
          ? 'it is an artifact, for no platform'
          : `it is here for ${[...new Set(here)].slice(0, 20).join(', ')}`,
    },
  );
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
