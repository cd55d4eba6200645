import type { Caller } from '../../../engine/registry/access/gate.ts';
import type { Registry } from '../../../engine/registry/registry.ts';
import { type SiloError, toSiloError } from '../../../foundation/base/errors.ts';
import { isDigest } from '../../../foundation/oci/digest.ts';
import { isTag } from '../../../foundation/oci/reference.ts';
import { type RepositoryName, isRepositoryName } from '../../../foundation/oci/repository-name.ts';
import { visibleRepositories } from '../visible-repositories.ts';
import { markup } from './markup.ts';
import { type Frame, formatPage, linkTo } from './layout.ts';
import { viewManifest } from './manifest-view.ts';
import { formatBytes } from './units.ts';

/** The page for people: repositories, their tags, and what a tag holds. Only shows what its reader may pull. */
export interface WebPage {
  render(request: PageRequest): Promise<PageAnswer>;
}

export interface PageRequest {
  query: URLSearchParams;
  caller: Caller;
  /** Host and port that the reader's browser uses, for the commands that are shown; undefined when it is none that a command could hold. */
  host: string | undefined;
}

export type PageAnswer =
  | { kind: 'page'; status: number; text: string }
  /** The reader must log in for this. */
  | { kind: 'login' };

export interface WebPageOptions {
  registry: Pick<Registry, 'manifests' | 'blobs' | 'lists' | 'upkeep'>;
  readableBy: (caller: Caller) => Promise<(repository: RepositoryName) => boolean>;
  canLogIn: boolean;
}

const pageSize = 100;

export function createWebPage(options: WebPageOptions): WebPage {
  return {
    async render(request) {
      try {
        return await route(options, request);
      } catch (thrown) {
        const error = toSiloError(thrown);
        if (error.kind !== 'not-found') throw error;
        return notFoundPage(options, request);
      }
    },
  };
}

async function route(options: WebPageOptions, request: PageRequest): Promise<PageAnswer> {
  const { query, caller } = request;
  const anonymous = caller.kind === 'anonymous';
  if (query.has('login') && anonymous && options.canLogIn) return { kind: 'login' };
  const repository = query.get('repository');
  if (repository === null) return repositoriesPage(options, request);
  if (!isRepositoryName(repository)) return notFoundPage(options, request);
  // Before anything is looked up: what exists is nobody's business who may not see it.
  const mayPull = await options.readableBy(caller);
  if (!mayPull(repository))
    return anonymous && options.canLogIn ? { kind: 'login' } : notFoundPage(options, request);
  const reference = query.get('reference');
  if (reference === null) return tagsPage(options, request, repository);
  return manifestPage(options, request, { repository, reference });
}

function frame({ canLogIn }: WebPageOptions, { caller }: PageRequest, title: string): Frame {
  const named = caller.kind === 'user' ? caller.name : caller.kind === 'token' ? caller.subject : '';
  return { title, trail: [], user: named === '' ? undefined : named, canLogIn };
}

const home = { text: 'repositories', href: '/' };

async function repositoriesPage(options: WebPageOptions, request: PageRequest): Promise<PageAnswer> {
  const after = request.query.get('after') ?? undefined;
  const { items, more } = await visibleRepositories(
    options.registry.lists,
    await options.readableBy(request.caller),
    { limit: pageSize, ...(after === undefined ? {} : { after }) },
  );
  if (items.length === 0 && request.caller.kind === 'anonymous' && options.canLogIn && after === undefined)
    return { kind: 'login' };
  const rows = items.map(
    (name) =>
      markup`<tr>
        <td><a href="${linkTo({ repository: name })}">${name}</a></td>
      </tr>`,
  );
  const last = items.at(-1);
  const body = markup`${
    rows.length === 0
      ? markup`<p>
          No repositories${after === undefined ? ' yet' : ' after this one'}. Push one with
          <code>silo push ${request.host ?? 'HOST'}/NAME</code>.
        </p>`
      : markup`<table>
          ${rows}
        </table>`
  }${more && last !== undefined ? markup`<p><a href="${linkTo({ after: last })}">next</a></p>` : undefined}`;
  return { kind: 'page', status: 200, text: formatPage(frame(options, request, 'Repositories'), body) };
}

async function tagsPage(
  options: WebPageOptions,
  request: PageRequest,
  repository: RepositoryName,
): Promise<PageAnswer> {
  const { lists, manifests, upkeep } = options.registry;
  const after = request.query.get('after');
  const { items, more } = await lists.tags(repository, {
    limit: pageSize,
    ...(after === null || !isTag(after) ? {} : { after }),
  });
  const usage = await upkeep.usage(repository);
  const rows = await Promise.all(
    items.map(async (tag) => {
      const info = await manifests.info(repository, { kind: 'tag', tag }).catch(() => undefined);
      return markup`<tr>
        <td><a href="${linkTo({ repository, reference: tag })}">${tag}</a></td>
        <td><code>${info?.digest ?? ''}</code></td>
      </tr>`;
    }),
  );
  const last = items.at(-1);
  const body = markup`<p class="dim">${usage.blobs} blobs, ${formatBytes(usage.sizeBytes)}</p>
    <table>
      <tr>
        <th>tag</th>
        <th>digest</th>
      </tr>
      ${rows}
    </table>
    ${
      more && last !== undefined
        ? markup`<p><a href="${linkTo({ repository, after: last })}">next</a></p>`
        : undefined
    }${pullCommands(request.host, repository, items[0] === undefined ? undefined : `:${items[0]}`)}`;
  const shown = { ...frame(options, request, repository), trail: [home] };
  return { kind: 'page', status: 200, text: formatPage(shown, body) };
}

async function manifestPage(
  options: WebPageOptions,
  request: PageRequest,
  { repository, reference }: { repository: RepositoryName; reference: string },
): Promise<PageAnswer> {
  const parsed = isDigest(reference)
    ? ({ kind: 'digest', digest: reference } as const)
    : isTag(reference)
      ? ({ kind: 'tag', tag: reference } as const)
      : undefined;
  if (parsed === undefined) return notFoundPage(options, request);
  const document = await options.registry.manifests.get(repository, parsed);
  const title =
    parsed.kind === 'tag' ? `${repository}:${reference}` : `${repository}@${reference.slice(0, 19)}…`;
  const body = markup`<table>
      <tr>
        <th>digest</th>
        <td><code>${document.digest}</code></td>
      </tr>
      <tr>
        <th>media type</th>
        <td>${document.mediaType.slice(0, 200)}</td>
      </tr>
    </table>
    ${pullCommands(request.host, repository, parsed.kind === 'tag' ? `:${reference}` : `@${reference}`)}
    ${await viewManifest(options.registry, repository, document)}`;
  const trail = [home, { text: repository, href: linkTo({ repository }) }];
  return { kind: 'page', status: 200, text: formatPage({ ...frame(options, request, title), trail }, body) };
}

function pullCommands(host: string | undefined, repository: string, suffix: string | undefined) {
  if (host === undefined || suffix === undefined) return undefined;
  const name = `${host}/${repository}${suffix}`;
  return markup`<h2>Pull</h2>
    <pre>
silo pull ${name}
docker pull ${name}</pre>`;
}

function notFoundPage(options: WebPageOptions, request: PageRequest): PageAnswer {
  const shown = { ...frame(options, request, 'Not found'), trail: [home] };
  const body = markup`<p>There is nothing here, or it is not yours to see.</p>`;
  return { kind: 'page', status: 404, text: formatPage(shown, body) };
}

/** What a failure looks like to a reader: its reason, without anything of the inside. */
export function errorPage(error: SiloError): string {
  const shown: Frame = { title: 'Error', trail: [home], user: undefined, canLogIn: false };
  return formatPage(shown, markup`<p>${error.kind === 'internal' ? 'Something failed.' : error.message}</p>`);
}
