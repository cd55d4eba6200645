import { forbidden, unsupported } from '../../../foundation/base/errors.ts';
import type { Graph } from '../graph/graph.ts';
import type { Vertex, VertexId } from '../graph/vertex.ts';
import { parseMode } from './mode-words.ts';

/**
 * Kind `unsupported` for work that cannot be done here yet, `forbidden` for what a Dockerfile may not decide alone: before anything is run, and with the
 * line that wants it.
 */
export function refuseUnknown({ vertices, places }: Graph, { network }: { network: string }): void {
  for (const [id, vertex] of vertices) {
    if (vertex.kind === 'exec' && vertex.network === 'host' && network !== 'host')
      throw forbidden(`${placeOf(places, vertices, id)}RUN --network=host is not allowed to this build`, {
        code: 'build-host-network',
        hint: 'whoever starts the build allows it, for all of it: silo build --network=host',
      });
    const what = unknownOf(vertex);
    if (what === undefined) continue;
    throw unsupported(`${placeOf(places, vertices, id)}${what} is not supported yet`, {
      code: 'build-unsupported',
      hint: 'docs/build.md says what can be built',
    });
  }
}

function unknownOf(vertex: Vertex): string | undefined {
  switch (vertex.kind) {
    case 'exec': {
      const [mount] = vertex.mounts;
      if (mount !== undefined) return `RUN --mount=type=${mount.type}`;
      if (vertex.security !== 'sandbox') return `RUN --security=${vertex.security}`;
      if (vertex.devices.length > 0) return 'RUN --device';
      if (vertex.script !== undefined) return 'a here-document with an interpreter of its own';
      return vertex.network === 'default' || vertex.network === 'none' || vertex.network === 'host'
        ? undefined
        : `RUN --network=${vertex.network}`;
    }
    case 'http':
      return `ADD ${vertex.url.slice(0, 200)}: a source on the network`;
    case 'git':
      return `ADD ${vertex.url.slice(0, 200)}: a git repository`;
    case 'context':
      return undefined;
    case 'copy':
      return vertex.chmod === undefined || parseMode(vertex.chmod)
        ? undefined
        : `--chmod=${vertex.chmod.slice(0, 60)}: a mode that is neither octal nor words as u+rwX,go-w`;
    case 'scratch':
    case 'image':
    case 'folder':
    case 'meta':
      return undefined;
  }
}

/** Sources have no place of their own: the line is of who takes them. */
function placeOf(places: Graph['places'], vertices: Graph['vertices'], id: VertexId): string {
  const own = places.get(id)?.[0];
  const taker = [...vertices].find(
    ([, vertex]) => vertex.kind === 'copy' && vertex.sources.some(({ input }) => input === id),
  )?.[0];
  const place = own ?? (taker === undefined ? undefined : places.get(taker)?.[0]);
  return place === undefined ? '' : `dockerfile line ${place.span.line}: `;
}
