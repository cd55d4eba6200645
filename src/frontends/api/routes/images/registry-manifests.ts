import type { Engine } from '../../../../engine/host/engine.ts';
import type { IndexPush, RegistryManifestRequest } from '../../../../engine/image/registries.ts';
import { invalid } from '../../../../foundation/base/errors.ts';
import { parseDigest } from '../../../../foundation/oci/digest.ts';
import { formatReference, parseReference, withDefaultTag } from '../../../../foundation/oci/reference.ts';
import type { RegistryManifestJson } from '../../../../foundation/wire/silo/manifests.ts';
import { ok, type Route } from '../../call.ts';
import { indexPushBody } from '../../input/other-bodies.ts';
import { readJson } from '../../input/json-body.ts';
import { queryFlag } from '../../input/query.ts';
import { readRegistryAuth } from '../../input/registry-auth.ts';
import { defined } from '../../translate/refuse.ts';

type Images = { images: Pick<Engine['images'], 'manifest' | 'pushIndex'> };

/** Ours: the manifest or index that a name means at its registry, as it is. */
export function registryManifest(engine: Images): Route {
  return {
    method: 'GET',
    path: '/silo/manifests',
    async handle({ exchange, query }) {
      const name = query.get('name') ?? '';
      if (name === '') throw invalid('the parameter name is missing', { code: 'missing-parameter' });
      const reference = withDefaultTag(parseReference(name));
      const { descriptor, bytes } = await engine.images.manifest(
        defined<RegistryManifestRequest>({
          reference,
          insecure: queryFlag(query, 'insecure'),
          credentials: readRegistryAuth(exchange.headers),
          signal: exchange.signal,
        }),
      );
      return ok({
        Ref: formatReference(reference),
        Descriptor: descriptor,
        Raw: Buffer.from(bytes).toString('base64'),
      } satisfies RegistryManifestJson);
    },
  };
}

/** Ours: an index of images that a registry has. */
export function pushRegistryIndex(engine: Images): Route {
  return {
    method: 'POST',
    path: '/silo/manifests',
    async handle(call) {
      const body = await readJson(call, indexPushBody);
      const digest = await engine.images.pushIndex(
        defined<IndexPush>({
          target: parseReference(body.Target),
          bytes: Buffer.from(body.Raw, 'base64'),
          sources: body.Sources.map(({ Ref, Digest }) => ({
            reference: parseReference(Ref),
            digest: parseDigest(Digest),
          })),
          insecure: body.Insecure,
          credentials: readRegistryAuth(call.exchange.headers),
          signal: call.exchange.signal,
        }),
      );
      return ok({ Digest: digest });
    },
  };
}
