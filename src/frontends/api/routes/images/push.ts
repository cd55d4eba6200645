import type { Engine } from '../../../../engine/host/engine.ts';
import type { PushRequest } from '../../../../engine/image/transfers.ts';
import { parseReference, withTag } from '../../../../foundation/oci/reference.ts';
import { answered, type Route } from '../../call.ts';
import { queryPlatform } from '../../input/platform-query.ts';
import { queryText } from '../../input/query.ts';
import { readRegistryAuth } from '../../input/registry-auth.ts';
import { streamMessages } from '../../output/json-lines.ts';
import { createPushReporter } from '../../output/push-progress.ts';
import { defined } from '../../translate/refuse.ts';

/** Without `tag` all tags of the repository are pushed. Failures come in the stream, as with Docker. */
export function pushImage(engine: { images: Pick<Engine['images'], 'push'> }): Route {
  return {
    method: 'POST',
    path: '/images/{name:.*}/push',
    async handle(call) {
      const { exchange, query } = call;
      const named = parseReference(call.param('name'));
      const tag = queryText(query, 'tag');
      const request = defined<PushRequest>({
        reference: tag === undefined ? named : withTag(named, tag),
        platform: queryPlatform(query),
        credentials: readRegistryAuth(exchange.headers),
        signal: exchange.signal,
      });
      await streamMessages(call, 'application/json', async (lines) => {
        await engine.images.push({ ...request, onProgress: createPushReporter(lines) });
      });
      return answered;
    },
  };
}
