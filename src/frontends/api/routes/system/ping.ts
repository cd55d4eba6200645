import { answered, type Route } from '../../call.ts';

/** Clients learn from these headers which version and which builder to speak; caches must not keep them. */
export function ping(method: 'GET' | 'HEAD'): Route {
  return {
    method,
    path: '/_ping',
    async handle({ exchange }) {
      // 1 is the classic builder: there is no BuildKit behind this engine.
      exchange.setHeader('Builder-Version', '1');
      exchange.setHeader('Swarm', 'inactive');
      exchange.setHeader('Cache-Control', 'no-cache, no-store, must-revalidate');
      exchange.setHeader('Pragma', 'no-cache');
      exchange.send(200, { type: 'text/plain; charset=utf-8', data: method === 'HEAD' ? '' : 'OK' });
      return answered;
    },
  };
}
