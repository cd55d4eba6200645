import { randomBytes } from 'node:crypto';
import { withDeadline } from '../../../foundation/base/deadline.ts';
import { isKind, unsupported } from '../../../foundation/base/errors.ts';
import { faultPoint } from '../../../foundation/base/fault.ts';
import type { Descriptor } from '../../../foundation/oci/descriptor.ts';
import { type Digest, digestAlgorithm } from '../../../foundation/oci/digest.ts';
import { parseManifestDocument } from '../../../foundation/oci/manifest.ts';
import type { RepositoryName } from '../../../foundation/oci/repository-name.ts';
import type { FetchedManifest } from '../../../resources/distribution/distribution.ts';
import type { ManifestInfo, ManifestReference, RegistryManifests } from '../registry.ts';
import { type CacheContext, fromUpstream, isOutOfReach } from './context.ts';

type Document = ManifestInfo & { bytes: Uint8Array };

/**
 * Manifests of another registry. A digest never changes its meaning, so it is asked for once. What a tag names is believed for a short time, then asked by
 * HEAD; while the upstream cannot be reached, the last answer stands.
 */
export function createCachedManifests(context: CacheContext): RegistryManifests {
  const get = (repository: RepositoryName, reference: ManifestReference): Promise<Document> =>
    reference.kind === 'digest'
      ? byDigest(context, repository, reference.digest)
      : byTag(context, repository, reference.tag);
  return {
    get,
    async info(repository, reference) {
      const { digest, mediaType, sizeBytes } = await get(repository, reference);
      return { digest, mediaType, sizeBytes };
    },
    put: () => Promise.reject(readOnly()),
    remove: () => Promise.reject(readOnly()),
  };
}

export const readOnly = () =>
  unsupported('this part of the registry is a cache of another one', {
    hint: 'push to the other registry, or to a name outside of the cached part',
  });

async function byTag(context: CacheContext, repository: RepositoryName, tag: string): Promise<Document> {
  const { index, count, now, freshMs } = context;
  const known = index.tag(repository, tag);
  if (known !== undefined && now() - known.checkedMs < freshMs) {
    const stored = await findStored(context, repository, known.digest);
    if (stored !== undefined) {
      count('manifest', 'hit');
      return stored;
    }
  }
  const flight = context.flights.run(`tag ${repository}:${tag}`, () => revalidate(context, repository, tag));
  return (await flight) as Document;
}

async function revalidate(context: CacheContext, repository: RepositoryName, tag: string): Promise<Document> {
  const { index, count, now, log } = context;
  const known = index.tag(repository, tag);
  const stored = known && (await findStored(context, repository, known.digest));
  try {
    const [document, result] =
      known === undefined || stored === undefined
        ? ([await fetchTag(context, repository, tag), 'miss'] as const)
        : await withDeadline(
            refresh(context, repository, { tag, stored }),
            context.patienceMs,
            'the question to the upstream registry',
          );
    index.setTag(repository, tag, document.digest, now());
    count('manifest', result);
    return document;
  } catch (error) {
    if (stored !== undefined && isOutOfReach(error)) {
      log.warn('the upstream registry is out of reach; an old answer is given', { repository, tag });
      // Believed for a while, or each client would wait for the upstream again.
      index.setTag(repository, tag, stored.digest, now());
      count('manifest', 'stale');
      return stored;
    }
    if (isKind(error, 'not-found')) index.dropTag(repository, tag);
    throw fromUpstream(error, 'manifest-unknown', log);
  }
}

async function refresh(
  context: CacheContext,
  repository: RepositoryName,
  { tag, stored }: { tag: string; stored: Document },
): Promise<[Document, 'hit' | 'miss']> {
  const { questions, reference } = context.upstreamOf(repository);
  const digest = await questions.tagDigest({ ...reference, tag });
  if (digest === stored.digest) return [stored, 'hit'];
  return [await fetchTag(context, repository, tag), 'miss'];
}

async function fetchTag(context: CacheContext, repository: RepositoryName, tag: string): Promise<Document> {
  const { client, reference } = context.upstreamOf(repository);
  return keep(context, repository, await client.manifest({ ...reference, tag }));
}

async function byDigest(
  context: CacheContext,
  repository: RepositoryName,
  digest: Digest,
): Promise<Document> {
  const stored = await findStored(context, repository, digest);
  if (stored !== undefined) {
    context.count('manifest', 'hit');
    return stored;
  }
  const fetch = async (): Promise<Document> => {
    const { client, reference } = context.upstreamOf(repository);
    const document = await keep(context, repository, await client.manifest({ ...reference, digest }));
    context.count('manifest', 'miss');
    return document;
  };
  try {
    return (await context.flights.run(`manifest ${repository}@${digest}`, fetch)) as Document;
  } catch (error) {
    throw fromUpstream(error, 'manifest-unknown', context.log);
  }
}

/** Only what this very repository was seen to have: another one's content may be secret. */
async function findStored(
  { index, content, now }: CacheContext,
  repository: RepositoryName,
  digest: Digest,
): Promise<Document | undefined> {
  const member = index.member(repository, digest);
  if (member?.mediaType === undefined || !member.confirmed) return undefined;
  if ((await content.find(digest)) === undefined) return undefined;
  const bytes = await content.readSmall(digest);
  index.used(digest, now());
  return { digest, mediaType: member.mediaType, sizeBytes: bytes.byteLength, bytes };
}

/** Whole and with the right digest, as the client has checked; what is no manifest is not kept. */
async function keep(
  { index, content, now, trim }: CacheContext,
  repository: RepositoryName,
  { digest, mediaType, bytes }: FetchedManifest,
): Promise<Document> {
  const document = parseManifestDocument(bytes, mediaType);
  await using ingest = await content.ingest(`manifest-${randomBytes(16).toString('hex')}`, {
    algorithm: digestAlgorithm(digest),
  });
  await ingest.write(bytes);
  await ingest.commit({ digest, sizeBytes: bytes.byteLength });
  faultPoint('registry.cache.manifest-stored');
  const parts: Descriptor[] =
    document.kind === 'index'
      ? document.index.manifests
      : [document.manifest.config, ...document.manifest.layers];
  index.stored(digest, bytes.byteLength, now());
  index.expect(
    repository,
    parts.map((part) => ({ digest: part.digest, sizeBytes: part.size })),
  );
  faultPoint('registry.cache.parts-expected');
  index.confirm(repository, { digest, sizeBytes: bytes.byteLength, mediaType });
  trim();
  return { digest, mediaType, sizeBytes: bytes.byteLength, bytes };
}
