import { type Route } from '../../call.ts';
import type { Engine } from '../../../../engine/host/engine.ts';
import { queryText } from '../../input/query.ts';
import { importImage } from './import.ts';
import { pullImage } from './pull.ts';

/** Docker's one verb for two things: `fromSrc` imports a root file system, otherwise `fromImage` is pulled. */
export function createImage(engine: {
  images: Pick<Engine['images'], 'pull' | 'remoteTags' | 'import'>;
}): Route {
  return {
    method: 'POST',
    path: '/images/create',
    handle: (call) =>
      queryText(call.query, 'fromSrc') === undefined
        ? pullImage(engine.images, call)
        : importImage(engine.images, call),
  };
}
