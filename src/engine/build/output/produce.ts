import { internal, unsupported } from '../../../foundation/base/errors.ts';
import type { BuildDeps, BuildRequest } from '../solve/types.ts';
import type { BuildResult, PlatformResult } from './output.ts';

/** Turns what was built into what was asked for. */
export async function produce(
  deps: Pick<BuildDeps, 'images'>,
  { request, results }: { request: BuildRequest; results: readonly PlatformResult[] },
): Promise<BuildResult> {
  const [first] = results;
  if (first === undefined) throw internal('a build without a result');
  const wanted = [...(request.outputs ?? []), ...(request.cacheTo ?? [])];
  const [odd] = wanted.filter((output) => output.type !== 'image' || output.isPushed);
  if (odd !== undefined)
    throw unsupported(`the output type=${odd.type} is not supported yet`, { code: 'build-unsupported' });
  for (const tag of request.tags) await deps.images.tag(first.image, tag);
  return { image: first.image, metadata: {} };
}
