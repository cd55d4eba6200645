import type { Route } from '../call.ts';

/** OCI distribution spec, end-1. */
export const ping: Route = {
  method: 'GET',
  path: '/v2/',
  access: 'ping',
  handle: () => Promise.resolve({ status: 200, content: { kind: 'json', json: {} } }),
};
