import { isKind, notFound } from '../../foundation/base/errors.ts';
import { parseJsonDocument } from '../../foundation/oci/bounded-json.ts';
import { familiarRepository, isTag, type Reference } from '../../foundation/oci/reference.ts';
import { readBounded } from './bounded-body.ts';
import type { Exchange } from './exchange.ts';
import { isHtml, notARegistry } from './registry-errors.ts';

const pageBytes = 4 * 1024 * 1024;
/** More than that nobody pulls; a registry without end is left. */
const limits = { tags: 10_000, pages: 200 } as const;

/** All tags of a repository. OCI distribution spec 1.1, "Listing Tags". What is no legal tag is passed over. */
export async function listTags(
  exchange: Exchange,
  {
    reference,
    signal,
    bodyDeadlineMs,
  }: { reference: Reference; signal?: AbortSignal | undefined; bodyDeadlineMs: number },
): Promise<string[]> {
  const tags = new Set<string>();
  let query = '';
  for (let page = 0; page < limits.pages && tags.size < limits.tags; page++) {
    const { names, next } = await listPage(exchange, { reference, query, signal, bodyDeadlineMs });
    const before = tags.size;
    for (const name of names) if (isTag(name) && tags.size < limits.tags) tags.add(name);
    // A page that brings nothing leads nowhere, whatever it points at.
    if (next === undefined || tags.size === before) break;
    query = next;
  }
  return [...tags];
}

async function listPage(
  exchange: Exchange,
  request: { reference: Reference; query: string; signal: AbortSignal | undefined; bodyDeadlineMs: number },
): Promise<{ names: string[]; next: string | undefined }> {
  const { reference, query, signal } = request;
  const reply = await ask(exchange, { reference, query, signal });
  if (isHtml(reply.headers['content-type'])) {
    reply.discard();
    throw notARegistry(reply.where);
  }
  const { link } = reply.headers;
  const bytes = await readBounded(reply, {
    limitBytes: pageBytes,
    deadlineMs: request.bodyDeadlineMs,
    what: `${reply.where}: the list of tags`,
  });
  const names = parseJsonDocument(bytes, 'list of tags', pageBytes).strings('tags', limits.tags) ?? [];
  return { names, next: typeof link === 'string' ? nextQuery(link) : undefined };
}

async function ask(
  exchange: Exchange,
  { reference, query, signal }: { reference: Reference; query: string; signal: AbortSignal | undefined },
): ReturnType<Exchange> {
  try {
    return await exchange({
      reference,
      path: `${reference.path}/tags/list${query}`,
      headers: { accept: 'application/json', 'accept-encoding': 'identity' },
      accepted: [200],
      signal,
    });
  } catch (error) {
    if (!isKind(error, 'not-found')) throw error;
    throw notFound(
      `repository ${familiarRepository(reference)} not found: name unknown: repository name not known to registry`,
      { code: 'no-such-repository', cause: error },
    );
  }
}

/** Only the parameters of the next page are taken from the registry, never its address. */
export function nextQuery(link: string): string | undefined {
  const target = /<([^>]{1,2000})>\s*;\s*rel="?next"?/.exec(link)?.[1];
  const query = target?.split('?')[1];
  if (query === undefined) return undefined;
  const given = new URLSearchParams(query);
  const kept = new URLSearchParams();
  for (const key of ['n', 'last']) {
    const value = given.get(key);
    if (value !== null) kept.set(key, value);
  }
  return kept.size === 0 ? undefined : `?${kept.toString()}`;
}
