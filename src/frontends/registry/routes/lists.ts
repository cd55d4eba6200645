import type { Registry } from '../../../engine/registry/registry.ts';
import { parseDigest } from '../../../foundation/oci/digest.ts';
import { mediaTypes } from '../../../foundation/oci/media-types.ts';
import type { Route } from '../call.ts';
import { asDigestError } from '../parse.ts';
import { nextLink, requestedPage } from '../paging.ts';

export function listRoutes({ lists }: Pick<Registry, 'lists'>): Route[] {
  return [
    {
      method: 'GET',
      path: '/v2/_catalog',
      access: 'catalog',
      async handle({ exchange }) {
        const page = requestedPage(exchange.query);
        const { items, more } = await lists.repositories(page);
        return {
          status: 200,
          headers: nextLink('/v2/_catalog', more ? items.at(-1) : undefined, page.limit),
          content: { kind: 'json', json: { repositories: items } },
        };
      },
    },
    {
      // OCI distribution spec, end-8.
      method: 'GET',
      path: '/v2/{name:.*}/tags/list',
      access: 'pull',
      async handle({ exchange, repository }) {
        const page = requestedPage(exchange.query);
        const { items, more } = await lists.tags(repository, page);
        return {
          status: 200,
          headers: nextLink(`/v2/${repository}/tags/list`, more ? items.at(-1) : undefined, page.limit),
          content: { kind: 'json', json: { name: repository, tags: items } },
        };
      },
    },
    {
      // OCI distribution spec, end-12.
      method: 'GET',
      path: '/v2/{name:.*}/referrers/{digest}',
      access: 'pull',
      async handle({ exchange, repository, param }) {
        const subject = asDigestError(() => parseDigest(param('digest')));
        const artifactType = exchange.query.get('artifactType');
        const filter = artifactType === null ? {} : { artifactType };
        const page = requestedPage(exchange.query);
        const { items: manifests, more } = await lists.referrers(repository, subject, { ...page, ...filter });
        const last = more ? manifests.at(-1)?.digest : undefined;
        return {
          status: 200,
          headers: {
            ...nextLink(`/v2/${repository}/referrers/${subject}`, last, page.limit, filter),
            ...(artifactType === null ? {} : { 'OCI-Filters-Applied': 'artifactType' }),
          },
          content: {
            kind: 'json',
            type: mediaTypes.ociIndex,
            json: { schemaVersion: 2, mediaType: mediaTypes.ociIndex, manifests },
          },
        };
      },
    },
  ];
}
