import type { Engine } from '../../../../engine/host/engine.ts';
import { invalid } from '../../../../foundation/base/errors.ts';
import { noContent, type Route } from '../../call.ts';

/** Ours: keeps an image from background cleaning (`pin`), or no longer (`unpin`). */
export function pinImage(engine: { disk: Pick<Engine['disk'], 'pin'> }, verb: 'pin' | 'unpin'): Route {
  return {
    method: 'POST',
    path: `/silo/images/${verb}`,
    async handle({ query }) {
      const name = query.get('name') ?? '';
      if (name === '') throw invalid('the parameter name is missing', { code: 'missing-parameter' });
      engine.disk.pin(name, verb === 'pin');
      return noContent;
    },
  };
}
