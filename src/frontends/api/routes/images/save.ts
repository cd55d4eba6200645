import type { Engine } from '../../../../engine/host/engine.ts';
import type { SaveRequest } from '../../../../engine/image/transfers.ts';
import { answered, type ApiCall, type Route } from '../../call.ts';
import { queryPlatform } from '../../input/platform-query.ts';
import { defined } from '../../translate/refuse.ts';

type Images = Pick<Engine['images'], 'save'>;

/** `docker save A B`. Names may also come with commas between. */
export function saveImages(engine: { images: Images }): Route {
  return {
    method: 'GET',
    path: '/images/get',
    handle: (call) =>
      sendArchive(
        engine.images,
        call,
        call.query.getAll('names').flatMap((names) => names.split(',').filter((name) => name !== '')),
      ),
  };
}

export function saveImage(engine: { images: Images }): Route {
  return {
    method: 'GET',
    path: '/images/{name:.*}/get',
    handle: (call) => sendArchive(engine.images, call, [call.param('name')]),
  };
}

/** Begins with the archive's first bytes: what is not there is an ordinary error. A later failure can only cut the connection. */
async function sendArchive(images: Images, call: ApiCall, names: string[]): Promise<'answered'> {
  const { exchange, query } = call;
  const archive = images.save(
    defined<SaveRequest>({ names, platform: queryPlatform(query), signal: exchange.signal }),
  );
  const first = await archive.next();
  const output = exchange.stream(200, 'application/x-tar');
  try {
    if (!first.done) output.write(first.value);
    for await (const chunk of archive) if (!output.write(chunk)) await output.drained();
  } catch (error) {
    exchange.destroy();
    throw error;
  } finally {
    await archive.return(undefined);
  }
  output.end();
  return answered;
}
