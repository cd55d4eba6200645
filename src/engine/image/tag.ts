import { invalid } from '../../foundation/base/errors.ts';
import { formatReference, type Reference, withDefaultTag } from '../../foundation/oci/reference.ts';
import { announceTag } from './announce.ts';
import type { Context } from './context.ts';
import { resolveImage } from './resolve.ts';

export function tagImage(context: Context, nameOrId: string, target: Reference): void {
  if (target.digest !== undefined)
    throw invalid('refusing to create a tag with a digest reference', { code: 'tag-with-digest' });
  const image = resolveImage(context.store, nameOrId);
  const name = withDefaultTag(target);
  context.store.setTag(
    formatReference(name),
    { image: image.id, target: image.manifestDigest },
    context.now(),
  );
  announceTag(context, context.store.find(image.id) ?? image, name);
}
