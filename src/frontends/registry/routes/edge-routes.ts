import type { RegistryAccessControl } from '../../../engine/registry/access/open-access.ts';
import type { Registry } from '../../../engine/registry/registry.ts';
import { type SiloError, toSiloError, unauthorized } from '../../../foundation/base/errors.ts';
import { readBody } from '../../../foundation/http/body.ts';
import type { Exchange } from '../../../foundation/http/http.ts';
import { metricsType } from '../../../foundation/wire/metrics-text.ts';
import type { Answer, Route } from '../call.ts';
import type { Edge } from '../edge.ts';
import { answerOfError, errorBody } from '../errors.ts';
import { createTokenEndpoint, oauthError } from '../login/token-endpoint.ts';
import type { RegistryMetrics } from '../observation/registry-metrics.ts';
import { pageHeaders, pageType } from '../page/layout.ts';
import { createWebPage, errorPage } from '../page/page.ts';
import { nextLink, requestedPage } from '../paging.ts';
import { visibleRepositories } from '../visible-repositories.ts';
import { searchRoute } from './search.ts';

const formLimitBytes = 64 * 1024;

/** For whoever watches over the server: it answers. */
export const healthRoute: Route = {
  method: 'GET',
  path: '/healthz',
  access: 'open',
  handle: () => Promise.resolve({ status: 200, content: { kind: 'json', json: { status: 'ok' } } }),
};

export function metricsRoute(metrics: RegistryMetrics, edge: Edge | undefined): Route {
  return {
    method: 'GET',
    path: '/metrics',
    access: 'open',
    async handle({ exchange }) {
      const caller = await edge?.identify(exchange, 'people');
      if (edge !== undefined && caller?.kind === 'anonymous' && !(await edge.openToAnonymous())) {
        edge.demandPassword(exchange);
        throw unauthorized('authentication required');
      }
      return { status: 200, content: { kind: 'bytes', type: metricsType, bytes: await metrics.text() } };
    },
  };
}

/** The catalog of what the client may pull: `registry:catalog` rights are not asked for. */
export function catalogRoute(registry: Pick<Registry, 'lists'>, edge: Edge): Route {
  return {
    method: 'GET',
    path: '/v2/_catalog',
    access: 'catalog',
    async handle({ exchange }) {
      const caller = await edge.identify(exchange);
      const page = requestedPage(exchange.query);
      const { items, more } = await visibleRepositories(registry.lists, await edge.readableBy(caller), page);
      return {
        status: 200,
        headers: nextLink('/v2/_catalog', more ? items.at(-1) : undefined, page.limit),
        content: { kind: 'json', json: { repositories: items } },
      };
    },
  };
}

/** The search among what the client may pull. */
export function ownSearchRoute(registry: Pick<Registry, 'lists'>, edge: Edge): Route {
  return searchRoute(registry, async (exchange) => {
    const caller = await edge.identify(exchange);
    return edge.readableBy(caller);
  });
}

export function tokenRoutes(access: RegistryAccessControl, edge: Edge): Route[] {
  const { issuer, gate } = access;
  if (issuer === undefined) return [];
  const endpoint = createTokenEndpoint({
    gate,
    issuer: issuer.tokens,
    sealOf: issuer.sealOf,
    openToAnonymous: () => edge.openToAnonymous(),
  });
  const answer = async (exchange: Exchange, work: () => Promise<object>): Promise<Answer> => {
    // RFC 6749 section 5.1.
    exchange.setHeader('Cache-Control', 'no-store');
    try {
      return { status: 200, content: { kind: 'json', json: await work() } };
    } catch (thrown) {
      return refusal(exchange, edge, toSiloError(thrown));
    }
  };
  return [
    {
      method: 'GET',
      path: '/token',
      access: 'open',
      handle: ({ exchange }) =>
        answer(exchange, () => endpoint.get(exchange.query, exchange.headers.authorization)),
    },
    {
      method: 'POST',
      path: '/token',
      access: 'open',
      handle: ({ exchange }) =>
        answer(exchange, async () =>
          endpoint.post(new URLSearchParams((await readBody(exchange, formLimitBytes)).toString('utf8'))),
        ),
    },
  ];
}

function refusal(exchange: Exchange, edge: Edge, error: SiloError): Answer {
  if (error.kind !== 'unauthorized' && error.kind !== 'invalid') throw error;
  const { status } = answerOfError(error);
  if (error.kind === 'unauthorized') edge.refused(exchange);
  const json = { error: oauthError(error), error_description: error.message, ...errorBody(error) };
  return { status, content: { kind: 'json', json } };
}

export function pageRoute(
  registry: Pick<Registry, 'manifests' | 'blobs' | 'lists' | 'upkeep'>,
  options: { edge: Edge; hasUsers: boolean },
): Route {
  const { edge, hasUsers } = options;
  const page = createWebPage({
    registry,
    readableBy: (caller) => edge.readableBy(caller),
    canLogIn: hasUsers,
  });
  const render = async (exchange: Exchange): Promise<Answer> => {
    const caller = await edge.identify(exchange, 'people');
    const host = shownHost(exchange.headers.host);
    const answer = await page.render({ query: exchange.query, caller, host });
    if (answer.kind === 'page')
      return { status: answer.status, content: { kind: 'bytes', type: pageType, bytes: answer.text } };
    edge.demandPassword(exchange);
    throw unauthorized('Please log in.');
  };
  return {
    method: 'GET',
    path: '/',
    access: 'open',
    async handle({ exchange }) {
      for (const [name, value] of Object.entries(pageHeaders)) exchange.setHeader(name, value);
      try {
        return await render(exchange);
      } catch (thrown) {
        const error = toSiloError(thrown);
        const content = { kind: 'bytes', type: pageType, bytes: errorPage(error) } as const;
        return { status: answerOfError(error).status, content };
      }
    },
  };
}

/** Only what can be part of a command that a reader pastes into a shell. */
function shownHost(host: string | undefined): string | undefined {
  return host !== undefined && host.length <= 255 && /^[A-Za-z0-9.:[\]-]+$/.test(host) ? host : undefined;
}
