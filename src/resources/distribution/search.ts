import { isKind, unavailable } from '../../foundation/base/errors.ts';
import { parseJsonDocument } from '../../foundation/oci/bounded-json.ts';
import { readBounded } from './bounded-body.ts';
import type { FoundRepository } from './distribution.ts';
import type { Exchange } from './exchange.ts';
import { isHtml } from './registry-errors.ts';

const limitBytes = 4 * 1024 * 1024;

/** `GET /v1/search?q=…`, all that is left of the protocol's first version. */
export async function searchRegistry(
  exchange: Exchange,
  host: string,
  query: { text: string; limit: number; signal?: AbortSignal; bodyDeadlineMs: number },
): Promise<FoundRepository[]> {
  const { text, limit, signal, bodyDeadlineMs } = query;
  const words = new URLSearchParams({ q: text, n: String(limit) });
  // Docker's own registry has its search at another host.
  const reference = { host: host === 'docker.io' ? 'index.docker.io' : host, path: '' };
  const reply = await exchange({
    reference,
    path: `/v1/search?${words.toString()}`,
    headers: { accept: 'application/json', 'accept-encoding': 'identity' },
    accepted: [200, 404],
    signal,
  });
  if (reply.status === 404 || isHtml(reply.headers['content-type'])) {
    reply.discard();
    throw noSearch(host, reply.status);
  }
  const bytes = await readBounded(reply, {
    limitBytes,
    deadlineMs: bodyDeadlineMs,
    what: `${reply.where}: the answer`,
  });
  try {
    const results =
      parseJsonDocument(bytes, 'answer of the search', limitBytes).objects('results', 10_000) ?? [];
    return results.slice(0, limit).map((each) => ({
      name: (each.string('name') ?? '').slice(0, 512),
      description: (each.string('description') ?? '').slice(0, 4096),
      stars: each.integer('star_count') ?? 0,
      isOfficial: each.boolean('is_official') ?? false,
    }));
  } catch (error) {
    if (isKind(error, 'corrupt') || isKind(error, 'invalid')) throw noSearch(host, reply.status, error);
    throw error;
  }
}

/** The first half is Docker's. */
function noSearch(host: string, status: number, cause?: unknown): Error {
  return unavailable(`Unexpected status code ${status}: the registry ${host} has no search`, {
    code: 'no-search',
    cause,
    hint: 'most registries of today have none; look at its web page for what it holds',
  });
}
