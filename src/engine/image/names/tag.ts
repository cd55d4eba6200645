import { invalid } from '../../../foundation/base/errors.ts';
import { formatReference, type Reference, withDefaultTag } from '../../../foundation/oci/reference.ts';
import { announceTag } from '../announce.ts';
import type { Context } from '../context.ts';
import { findImage } from './resolve.ts';

/** The name means what the other name means: of an index all platforms. */
export function tagImage(context: Context, nameOrId: string, target: Reference): void {
  if (target.digest !== undefined)
    throw invalid('refusing to create a tag with a digest reference', { code: 'tag-with-digest' });
  const { image, target: meant = image.manifestDigest } = findImage(context.store, nameOrId);
  const name = withDefaultTag(target);
  context.store.setTag(formatReference(name), { image: image.id, target: meant }, context.now());
  announceTag(context, context.store.find(image.id) ?? image, name);
}
