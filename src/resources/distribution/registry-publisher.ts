import {
  SiloError,
  corrupt,
  forbidden,
  isKind,
  toSiloError,
  unavailable,
} from '../../foundation/base/errors.ts';
import type { Descriptor } from '../../foundation/oci/descriptor.ts';
import type { Reference } from '../../foundation/oci/reference.ts';
import { createAuthorizer } from './authorization.ts';
import type { FetchedManifest, RegistryPublisher, UploadOptions } from './distribution.ts';
import { type Exchange, createExchange } from './exchange.ts';
import type { RegistryClientOptions } from './registry-client.ts';
import { isHtml, notARegistry } from './registry-errors.ts';
import { defaultRetry } from './retry.ts';
import { uploadBlob } from './upload-blob.ts';

/** A client that writes, with its own tokens; make one per push. `access.pushes` says which rights to ask for. */
export function createRegistryPublisher(options: RegistryClientOptions): RegistryPublisher {
  const { transport, access } = options;
  const retry = options.retry ?? defaultRetry;
  const bodyDeadlineMs = options.bodyDeadlineMs ?? 60_000;
  const authorizer = createAuthorizer({ transport, access, retry, bodyDeadlineMs });
  const exchange = createExchange({ transport, access, authorizer, retry, bodyDeadlineMs });
  return {
    hasBlob: (reference, descriptor, signal) =>
      asPush(() => hasBlob(exchange, { reference, descriptor, signal })),
    upload: (reference, descriptor, upload: UploadOptions) =>
      asPush(() => uploadBlob(exchange, { ...upload, reference, descriptor, retry })),
    putManifest: (reference, manifest, signal) =>
      asPush(() => putManifest(exchange, { reference, manifest, signal })),
  };
}

async function hasBlob(
  exchange: Exchange,
  request: { reference: Reference; descriptor: Descriptor; signal: AbortSignal | undefined },
): Promise<boolean> {
  const { reference, descriptor, signal } = request;
  const reply = await exchange({
    reference,
    method: 'HEAD',
    path: `${reference.path}/blobs/${descriptor.digest}`,
    headers: { 'accept-encoding': 'identity' },
    accepted: [200, 404],
    signal,
  });
  reply.discard();
  if (reply.status === 404) return false;
  if (isHtml(reply.headers['content-type'])) throw notARegistry(reply.where);
  const size = reply.headers['content-length'];
  const said = reply.headers['docker-content-digest'];
  // What has another length or digest is not the blob: it is sent, and the registry compares.
  return (
    (size === undefined || Number(size) === descriptor.size) &&
    (said ?? descriptor.digest) === descriptor.digest
  );
}

async function putManifest(
  exchange: Exchange,
  request: { reference: Reference; manifest: FetchedManifest; signal: AbortSignal | undefined },
): Promise<{ listsReferrers: boolean }> {
  const { reference, manifest, signal } = request;
  const reply = await exchange({
    reference,
    method: 'PUT',
    path: `${reference.path}/manifests/${reference.tag ?? manifest.digest}`,
    headers: {
      'content-type': manifest.mediaType,
      'content-length': String(manifest.bytes.byteLength),
      'accept-encoding': 'identity',
    },
    body: () => manifest.bytes,
    // The specification says 201; some registries answer 200 or 202.
    accepted: [200, 201, 202],
    signal,
  });
  reply.discard();
  if (isHtml(reply.headers['content-type'])) throw notARegistry(reply.where);
  const said = reply.headers['docker-content-digest'];
  if (typeof said === 'string' && said !== manifest.digest)
    throw corrupt(
      `${reply.where}: the registry stored the manifest as ${said.slice(0, 150)}, not as ${manifest.digest}`,
      {
        code: 'digest-mismatch',
        hint: 'the registry or something on the way changed the manifest',
      },
    );
  return { listsReferrers: reply.headers['oci-subject'] !== undefined };
}

/** The words of refusal are those of a push; Docker's clients match on `denied:` and `no basic auth credentials`. */
async function asPush<T>(work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    const failure = toSiloError(error);
    if (failure.code === 'access-denied')
      throw forbidden('denied: requested access to the resource is denied', {
        code: 'push-denied',
        cause: error,
        hint: failure.hint,
      });
    if (isKind(error, 'unauthorized') && failure.code === 'no-credentials')
      throw new SiloError('unauthorized', 'no basic auth credentials', {
        code: failure.code,
        cause: error,
        hint: failure.hint,
      });
    if (failure.kind === 'unsupported')
      throw unavailable(failure.message, { code: 'read-only-registry', cause: error });
    throw error;
  }
}
