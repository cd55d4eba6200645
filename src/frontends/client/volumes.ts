import type { VolumeCalls } from './client.ts';
import { formatFilters } from './filters.ts';
import type { Transport } from './transport.ts';

const at = (name: string): string => `/volumes/${encodeURIComponent(name)}`;

export function createVolumeCalls(transport: Transport): VolumeCalls {
  return {
    list: ({ filters, signal } = {}) =>
      transport.json({ method: 'GET', path: '/volumes', query: { filters: formatFilters(filters) }, signal }),
    inspect: (name, { signal } = {}) => transport.json({ method: 'GET', path: at(name), signal }),
    create: (body, { signal } = {}) =>
      transport.json({ method: 'POST', path: '/volumes/create', body, signal }),
    remove: (name, { force, signal } = {}) =>
      transport.done({ method: 'DELETE', path: at(name), query: { force }, signal }),
    export: async (name, { compress, signal } = {}) =>
      (
        await transport.send({
          method: 'GET',
          path: `/silo${at(name)}/export`,
          query: { compress },
          signal,
        })
      ).body,
    import: (name, archive, { signal } = {}) =>
      transport.json({
        method: 'POST',
        path: `/silo${at(name)}/import`,
        upload: { type: 'application/x-tar', data: archive },
        signal,
      }),
    clone: (source, target, { signal } = {}) =>
      transport.json({ method: 'POST', path: `/silo${at(source)}/clone`, query: { to: target }, signal }),
    prune: ({ filters, signal } = {}) =>
      transport.json({
        method: 'POST',
        path: '/volumes/prune',
        query: { filters: formatFilters(filters) },
        signal,
      }),
  };
}
