import { randomUUID } from 'node:crypto';
import { isKind } from '../../../foundation/base/errors.ts';
import { type ImageId, sha256 } from '../../../foundation/oci/digest.ts';
import { parsePlatform } from '../../../foundation/oci/platform.ts';
import { parseReference, withDefaultTag } from '../../../foundation/oci/reference.ts';
import type { Graph } from '../graph/graph.ts';
import type { Dockerfile } from '../language/dockerfile.ts';
import type { BuildDeps, BuildRequest } from '../solve/types.ts';
import type { BuildFacts } from './provenance.ts';

export interface Done {
  startedAtMs: number;
  dockerfile: Dockerfile;
  graph: Graph;
  image: ImageId;
}

/** What can be told of a build. Where the time is given nothing of it differs from one build to the next. */
export async function gatherFacts(
  deps: Pick<BuildDeps, 'images' | 'now'>,
  request: BuildRequest,
  { startedAtMs, dockerfile, graph, image }: Done,
): Promise<BuildFacts> {
  const epochMs = sourceDateMs(request);
  return {
    startedAtMs: epochMs ?? startedAtMs,
    finishedAtMs: epochMs ?? deps.now(),
    invocation:
      epochMs === undefined ? randomUUID().replaceAll('-', '') : sha256(`invocation ${image}`).slice(7, 39),
    dockerfile,
    graph,
    bases: await basesOf(deps, graph),
  };
}

/** `SOURCE_DATE_EPOCH` (reproducible-builds.org/specs/source-date-epoch). */
export function sourceDateMs({ arguments: given }: Pick<BuildRequest, 'arguments'>): number | undefined {
  const text = given.get('SOURCE_DATE_EPOCH') ?? '';
  return /^\d{1,11}$/.test(text) ? Number(text) * 1000 : undefined;
}

/** Only those that were needed: an image that only steps of the cache would have wanted is not here. */
async function basesOf(
  { images }: Pick<BuildDeps, 'images'>,
  { vertices }: Graph,
): Promise<BuildFacts['bases']> {
  const found = new Map<string, BuildFacts['bases'][number]>();
  for (const vertex of vertices.values()) {
    const name = vertex.kind === 'image' ? `${vertex.reference} ${vertex.platform}` : '';
    if (vertex.kind !== 'image' || found.has(name)) continue;
    try {
      const { id: image } = images.resolve(vertex.reference, parsePlatform(vertex.platform));
      const { digest } = await images.descriptor(image);
      const reference = withDefaultTag(parseReference(vertex.reference));
      found.set(name, { reference, digest, image });
    } catch (error) {
      if (!isKind(error, 'not-found') && !isKind(error, 'invalid')) throw error;
    }
  }
  return [...found.values()];
}
