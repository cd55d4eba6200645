import { invalid } from '../../../foundation/base/errors.ts';
import type { Context } from '../context.ts';
import type { ImageTransfers } from '../transfers.ts';
import { registryAccess } from './registry-access.ts';

/** What a pull of all tags goes through. */
export async function listRemoteTags(
  context: Context,
  { reference, credentials, signal }: Parameters<ImageTransfers['remoteTags']>[0],
): Promise<string[]> {
  if (reference.tag !== undefined || reference.digest !== undefined)
    throw invalid("tag can't be used with --all-tags/-a", { code: 'tag-with-all-tags' });
  const client = context.registry(registryAccess(context, { credentials }));
  return client.tags(reference, signal);
}
