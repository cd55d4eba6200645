import type { ManifestReference, Registry } from '../../../engine/registry/registry.ts';
import { invalid, notFound } from '../../../foundation/base/errors.ts';
import { readBody } from '../../../foundation/http/body.ts';
import type { RegistryCall, Route } from '../call.ts';
import { entityTag, hasAlready } from '../conditional.ts';
import { findReference } from '../parse.ts';

/** OCI distribution spec, "Pushing Manifests". */
const limitBytes = 4 * 1024 * 1024;
const path = '/v2/{name:.*}/manifests/{reference}';

export function manifestRoutes({ manifests }: Pick<Registry, 'manifests'>): Route[] {
  return [
    {
      // OCI distribution spec, end-3.
      method: 'GET',
      path,
      access: 'pull',
      async handle(call) {
        const { exchange, repository } = call;
        const reference = existing(call);
        // One question, or a cache would count two for each of its clients'.
        const found =
          exchange.method === 'HEAD'
            ? { ...(await manifests.info(repository, reference)), bytes: undefined }
            : await manifests.get(repository, reference);
        const { digest, mediaType: type, sizeBytes, bytes } = found;
        const headers = { 'Docker-Content-Digest': digest, ETag: entityTag(digest) };
        if (hasAlready(exchange.headers, digest)) return { status: 304, headers };
        if (bytes === undefined)
          return { status: 200, headers, content: { kind: 'length', type, sizeBytes } };
        return { status: 200, headers, content: { kind: 'bytes', type, bytes } };
      },
    },
    {
      // end-7
      method: 'PUT',
      path,
      access: 'push',
      async handle({ exchange, repository, param }) {
        const reference = findReference(param('reference'));
        if (reference === undefined)
          throw invalid(`invalid tag "${param('reference').slice(0, 140)}"`, { code: 'tag-invalid' });
        const bytes = await readManifest(exchange);
        const { digest, subject } = await manifests.put(repository, reference, {
          mediaType: exchange.headers['content-type'],
          bytes,
        });
        return {
          status: 201,
          headers: {
            Location: `/v2/${repository}/manifests/${digest}`,
            'Docker-Content-Digest': digest,
            ...(subject === undefined ? {} : { 'OCI-Subject': subject }),
          },
        };
      },
    },
    {
      // end-9
      method: 'DELETE',
      path,
      access: 'delete',
      async handle(call) {
        await manifests.remove(call.repository, existing(call));
        return { status: 202 };
      },
    },
  ];
}

function existing({ repository, param }: RegistryCall): ManifestReference {
  const reference = findReference(param('reference'));
  if (reference === undefined)
    throw notFound(`manifest unknown: ${repository} has no such tag`, { code: 'manifest-unknown' });
  return reference;
}

async function readManifest(exchange: RegistryCall['exchange']): Promise<Uint8Array> {
  try {
    return await readBody(exchange, limitBytes);
  } catch (error) {
    if (!(error instanceof Error && 'code' in error && error.code === 'body-too-large')) throw error;
    throw invalid(`the manifest is larger than ${limitBytes} bytes`, {
      code: 'manifest-too-large',
      cause: error,
    });
  }
}
