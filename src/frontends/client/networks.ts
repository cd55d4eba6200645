import type { NetworkCalls } from './client.ts';
import { formatFilters } from './filters.ts';
import type { Transport } from './transport.ts';

const at = (id: string): string => `/networks/${encodeURIComponent(id)}`;

export function createNetworkCalls(transport: Transport): NetworkCalls {
  return {
    list: ({ filters, signal } = {}) =>
      transport.json({
        method: 'GET',
        path: '/networks',
        query: { filters: formatFilters(filters) },
        signal,
      }),
    inspect: (id, { verbose, signal } = {}) =>
      transport.json({ method: 'GET', path: at(id), query: { verbose }, signal }),
    create: (body, { signal } = {}) =>
      transport.json({ method: 'POST', path: '/networks/create', body, signal }),
    remove: (id, { signal } = {}) => transport.done({ method: 'DELETE', path: at(id), signal }),
    connect: (id, body, { signal } = {}) =>
      transport.done({ method: 'POST', path: `${at(id)}/connect`, body, signal }),
    disconnect: (id, body, { signal } = {}) =>
      transport.done({ method: 'POST', path: `${at(id)}/disconnect`, body, signal }),
    repair: ({ signal } = {}) => transport.done({ method: 'POST', path: '/silo/networks/repair', signal }),
    prune: ({ filters, signal } = {}) =>
      transport.json({
        method: 'POST',
        path: '/networks/prune',
        query: { filters: formatFilters(filters) },
        signal,
      }),
  };
}
