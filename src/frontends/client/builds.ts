import type { BuildEventJson } from '../../foundation/wire/silo/build-session.ts';
import type { BuildCalls } from './build-calls.ts';
import { formatFilters } from './filters.ts';
import { readJsonLines } from './json-lines.ts';
import type { Transport } from './transport.ts';

const at = (id: string): string => `/silo/builds/${encodeURIComponent(id)}`;

export function createBuildCalls(transport: Transport): BuildCalls {
  return {
    async session(request, offers, options) {
      // Loaded when it is wanted: commands that build nothing start faster without it.
      const { runBuildSession } = await import('./build-session.ts');
      return await runBuildSession(transport, { request, offers, options });
    },
    history: ({ signal } = {}) =>
      transport.json({ method: 'GET', path: '/silo/builds', unversioned: true, signal }),
    record: (id, { signal } = {}) =>
      transport.json({ method: 'GET', path: at(id), unversioned: true, signal }),
    forget: (id, { signal } = {}) =>
      transport.done({ method: 'DELETE', path: at(id), unversioned: true, signal }),
    async *log(id, { signal } = {}) {
      const { body } = await transport.send({
        method: 'GET',
        path: `${at(id)}/log`,
        unversioned: true,
        signal,
      });
      yield* readJsonLines<BuildEventJson>(body);
    },
    prune: ({ all, reservedBytes, mostBytes, freeBytes, filters, signal } = {}) =>
      transport.json({
        method: 'POST',
        path: '/build/prune',
        query: {
          all,
          // The name that older engines know, too.
          'keep-storage': reservedBytes,
          'max-used-space': mostBytes,
          'min-free-space': freeBytes,
          filters: formatFilters(filters),
        },
        signal,
      }),
  };
}
