import { forbidden, invalid } from '../../../foundation/base/errors.ts';
import type { Graph } from '../graph/graph.ts';
import type { ExecVertex, VertexId } from '../graph/vertex.ts';
import { parseMode } from './steps/mode-words.ts';
import type { BuildRequest } from './types.ts';

/**
 * Kind `invalid` for words that nothing can be made of, `forbidden` for what a Dockerfile may not decide alone: before anything is run, and with the
 * line that wants it.
 */
export function refuseUnknown(
  { vertices, places }: Graph,
  request: Pick<BuildRequest, 'network' | 'allow'>,
): void {
  for (const [id, vertex] of vertices) {
    if (vertex.kind === 'exec')
      for (const { what, word } of wishesOf(vertex))
        if (!isAllowed(word, request))
          throw forbidden(`${placeOf(places, vertices, id)}RUN --${what} is not allowed to this build`, {
            code: word === 'network.host' ? 'build-host-network' : 'build-not-allowed',
            hint: `whoever starts the build allows it: silo build --allow ${word}`,
          });
    if (vertex.kind === 'copy' && vertex.chmod !== undefined && !parseMode(vertex.chmod))
      throw invalid(
        `${placeOf(places, vertices, id)}invalid chmod parameter ${JSON.stringify(vertex.chmod.slice(0, 60))}`,
        { code: 'bad-chmod', hint: 'write octal digits, as 644, or words, as u+rwX,go-w' },
      );
  }
}

/** What of a RUN takes more than a sandbox, and the word that allows it. */
const wishesOf = ({ network, security, devices }: ExecVertex): { what: string; word: string }[] => [
  ...(network === 'host' ? [{ what: 'network=host', word: 'network.host' }] : []),
  ...(security === 'insecure' ? [{ what: 'security=insecure', word: 'security.insecure' }] : []),
  ...devices.map((name) => ({ what: `device=${name.slice(0, 200)}`, word: `device=${name.slice(0, 200)}` })),
];

const isAllowed = (word: string, { network, allow = [] }: Pick<BuildRequest, 'network' | 'allow'>): boolean =>
  allow.includes(word) ||
  (word === 'network.host' && network === 'host') ||
  (word.startsWith('device=') && allow.includes('device'));

/** Sources have no place of their own: the line is of who takes them. */
function placeOf(places: Graph['places'], vertices: Graph['vertices'], id: VertexId): string {
  const own = places.get(id)?.[0];
  const taker = [...vertices].find(
    ([, vertex]) => vertex.kind === 'copy' && vertex.sources.some(({ input }) => input === id),
  )?.[0];
  const place = own ?? (taker === undefined ? undefined : places.get(taker)?.[0]);
  return place === undefined ? '' : `dockerfile line ${place.span.line}: `;
}
