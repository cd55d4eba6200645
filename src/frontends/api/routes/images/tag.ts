import type { Engine } from '../../../../engine/host/engine.ts';
import { parseReference, withDefaultTag, withTag } from '../../../../foundation/oci/reference.ts';
import { invalid } from '../../../../foundation/base/errors.ts';
import { type Route } from '../../call.ts';
import { queryText } from '../../input/query.ts';

export function tagImage(engine: { images: Pick<Engine['images'], 'tag'> }): Route {
  return {
    method: 'POST',
    path: '/images/{name:.*}/tag',
    async handle(call) {
      const repository = parseReference(call.query.get('repo') ?? '');
      if (repository.digest !== undefined)
        throw invalid('refusing to create a tag with a digest reference', { code: 'tag-with-digest' });
      const tag = queryText(call.query, 'tag');
      const target = tag === undefined ? withDefaultTag(repository) : withTag(repository, tag);
      await engine.images.tag(call.param('name'), target);
      return { status: 201 };
    },
  };
}
