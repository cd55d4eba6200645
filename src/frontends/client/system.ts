import type { EventMessageJson } from '../../foundation/wire/docker/system.ts';
import type { EventMessage, SystemCalls } from './client.ts';
import { formatFilters } from './filters.ts';
import { parseLine, readLines } from './json-lines.ts';
import type { Transport } from './transport.ts';

export function createSystemCalls(transport: Transport, apiVersion: () => Promise<string>): SystemCalls {
  return {
    ping: ({ signal } = {}) => ping(transport, signal),
    version: ({ signal } = {}) => transport.json({ method: 'GET', path: '/version', signal }),
    login: (auth, { signal } = {}) => transport.json({ method: 'POST', path: '/auth', body: auth, signal }),
    info: ({ signal } = {}) => transport.json({ method: 'GET', path: '/info', signal }),
    df: ({ types, signal } = {}) =>
      transport.json({
        method: 'GET',
        path: `/system/df${(types ?? []).map((type, index) => `${index === 0 ? '?' : '&'}type=${type}`).join('')}`,
        signal,
      }),
    fsck: ({ repair, images, signal } = {}) =>
      transport.json({ method: 'POST', path: '/silo/fsck', query: { repair, images }, signal }),
    security: ({ signal } = {}) => transport.json({ method: 'GET', path: '/silo/security', signal }),
    runtimes: ({ signal } = {}) => transport.json({ method: 'GET', path: '/silo/runtimes', signal }),
    installRuntime: (name, data, { digest, force, signal } = {}) =>
      transport.json({
        method: 'POST',
        path: `/silo/runtimes/${encodeURIComponent(name)}`,
        query: { digest, force },
        upload: { type: 'application/octet-stream', data },
        signal,
      }),
    removeRuntime: (name, { signal } = {}) =>
      transport.done({ method: 'DELETE', path: `/silo/runtimes/${encodeURIComponent(name)}`, signal }),
    reachOf: (container, { signal } = {}) =>
      transport.json({
        method: 'GET',
        path: `/silo/containers/${encodeURIComponent(container)}/security`,
        signal,
      }),
    async events({ since, until, filters, signal } = {}) {
      const { body } = await transport.send({
        method: 'GET',
        path: '/events',
        query: { since, until, filters: formatFilters(filters) },
        signal,
      });
      return readEvents(body);
    },
    apiVersion,
  };
}

export async function ping(
  transport: Transport,
  signal?: AbortSignal,
): Promise<{ apiVersion: string; osType: string }> {
  const { head, body } = await transport.send({ method: 'GET', path: '/_ping', unversioned: true, signal });
  for await (const chunk of body) void chunk;
  return {
    apiVersion: head.headers.get('api-version') ?? '',
    osType: head.headers.get('ostype') ?? '',
  };
}

async function* readEvents(body: AsyncIterable<Buffer>): AsyncGenerator<EventMessage, void, void> {
  for await (const line of readLines(body)) {
    const event = parseLine<EventMessageJson>(line);
    // Inside of strings the quotes are escaped, so this cannot match an attribute's text.
    const digits = /"timeNano":\s*(\d+)/.exec(line)?.[1];
    yield { ...event, timeNs: BigInt(digits ?? Math.trunc(event.time) * 1e9) };
  }
}
