import type { Engine } from '../../../../engine/host/engine.ts';
import { answered, type Route } from '../../call.ts';
import { readingArchive } from '../../input/archive-body.ts';
import { queryPlatform } from '../../input/platform-query.ts';
import { queryFlag } from '../../input/query.ts';
import { streamMessages } from '../../output/json-lines.ts';
import { createLoadReporter } from '../../output/transfer-progress.ts';
import { familiarNames } from '../../translate/image-json.ts';

export function loadImages(engine: { images: Pick<Engine['images'], 'load'> }): Route {
  return {
    method: 'POST',
    path: '/images/load',
    async handle(call) {
      const { query, exchange } = call;
      const platform = queryPlatform(query);
      await streamMessages(call, 'application/json', async (lines) => {
        const report = createLoadReporter(lines, { quiet: queryFlag(query, 'quiet', true) });
        const loaded = await readingArchive(
          engine.images.load(exchange.body, {
            ...(platform ? { platform } : {}),
            onProgress: report,
            signal: exchange.signal,
          }),
        );
        for (const { id, tags } of loaded) {
          if (tags.length === 0) lines.write({ stream: `Loaded image ID: ${id}\n` });
          for (const name of familiarNames(tags)) lines.write({ stream: `Loaded image: ${name}\n` });
        }
      });
      return answered;
    },
  };
}
