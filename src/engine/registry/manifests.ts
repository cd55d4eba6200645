import { createHash } from 'node:crypto';
import { invalid, notFound, toSiloError } from '../../foundation/base/errors.ts';
import { faultPoint } from '../../foundation/base/fault.ts';
import { type Digest, digestAlgorithm, digestHex, parseDigest } from '../../foundation/oci/digest.ts';
import type { RepositoryName } from '../../foundation/oci/repository-name.ts';
import type { RegistryContext } from './context.ts';
import { loadGraph } from './graph.ts';
import { type ManifestFacts, manifestLimitBytes, readManifestFacts } from './manifest-facts.ts';
import { readSmallBlob } from './read-blob.ts';
import type { ManifestInfo, ManifestReference, RegistryManifests } from './registry.ts';
import type { RepositoryState } from './repository-state.ts';

export function createManifests(context: RegistryContext): RegistryManifests {
  const { store, repositories, leases, locks } = context;
  const info = async (repository: RepositoryName, reference: ManifestReference): Promise<ManifestInfo> => {
    const state = await repositories.get(repository);
    const found = state.find(reference) ?? (await findUnlisted(context, state, reference));
    if (found === undefined) throw unknownManifest(repository, reference);
    leases.touch(repository, found.digest);
    return found;
  };
  return {
    info,
    async get(repository, reference) {
      const found = await info(repository, reference);
      const bytes = await readSmallBlob(store.blobs, {
        repository,
        digest: found.digest,
        limitBytes: manifestLimitBytes,
      });
      return { ...found, bytes };
    },
    async put(repository, reference, { mediaType, bytes }) {
      if (bytes.byteLength > manifestLimitBytes)
        throw invalid(`the manifest is larger than ${manifestLimitBytes} bytes`, {
          code: 'manifest-too-large',
        });
      const digest = digestOf(bytes, reference);
      const facts = readManifestFacts(bytes, mediaType);
      // The bytes first; until something refers to them, their age protects them.
      await store.blobs.put(repository, digest, bytes);
      leases.touch(repository, digest);
      faultPoint('registry.manifest.stored');
      const state = await locks.run(repository, async () => {
        await requireReferences(context, repository, facts);
        const current = await repositories.getOrCreate(repository);
        const tag = reference.kind === 'tag' ? reference.tag : undefined;
        current.put({ digest, mediaType: facts.mediaType, sizeBytes: bytes.byteLength }, facts, tag);
        return current;
      });
      await repositories.save(state);
      return { digest, ...(facts.subject === undefined ? {} : { subject: facts.subject }) };
    },
    async remove(repository, reference) {
      const state = await locks.run(repository, async () => {
        const current = await repositories.get(repository);
        const removed =
          reference.kind === 'tag'
            ? current.removeTag(reference.tag)
            : current.removeManifest(reference.digest);
        if (!removed) throw unknownManifest(repository, reference);
        return current;
      });
      await repositories.save(state);
    },
  };
}

/** A manifest that only an index names, in a layout that another tool wrote. */
async function findUnlisted(
  context: RegistryContext,
  state: RepositoryState,
  reference: ManifestReference,
): Promise<ManifestInfo | undefined> {
  if (reference.kind === 'tag') return undefined;
  try {
    await loadGraph(context, state);
  } catch (error) {
    // Clients ask for what they are about to push: one damaged manifest must not keep new ones out.
    const { message } = toSiloError(error);
    context.log.warn('not all manifests of a repository can be read', {
      repository: state.name,
      reason: message,
    });
  }
  return state.find(reference);
}

function digestOf(bytes: Uint8Array, reference: ManifestReference): Digest {
  const algorithm = reference.kind === 'digest' ? digestAlgorithm(reference.digest) : 'sha256';
  const digest = parseDigest(`${algorithm}:${createHash(algorithm).update(bytes).digest('hex')}`);
  if (reference.kind === 'digest' && digestHex(reference.digest) !== digestHex(digest))
    throw invalid(`the manifest has the digest ${digest}, not ${reference.digest}`, {
      code: 'digest-invalid',
    });
  return digest;
}

/** All that it refers to must be in this repository, with the size that it claims; a subject may come later. */
async function requireReferences(
  { store, repositories, leases }: RegistryContext,
  repository: RepositoryName,
  facts: ManifestFacts,
): Promise<void> {
  for (const { digest, sizeBytes } of facts.blobs) {
    const found = await store.blobs.find(repository, digest);
    if (found === undefined)
      throw missing(`blob ${digest} is unknown to ${repository}: push it before the manifest`);
    if (found.sizeBytes !== sizeBytes)
      throw invalid(`the manifest claims ${sizeBytes} bytes for ${digest}, which has ${found.sizeBytes}`, {
        code: 'manifest-invalid',
      });
    leases.touch(repository, digest);
  }
  if (facts.children.length === 0) return;
  const state = await repositories.find(repository);
  const absent = facts.children.find(({ digest }) => state?.has(digest) !== true);
  if (absent !== undefined)
    throw missing(`manifest ${absent.digest} is unknown to ${repository}: push it before the index`);
}

const missing = (message: string): Error => notFound(message, { code: 'manifest-blob-unknown' });

function unknownManifest(repository: RepositoryName, reference: ManifestReference): Error {
  const what = reference.kind === 'tag' ? `tag ${reference.tag}` : reference.digest;
  return notFound(`manifest unknown: ${repository} has no ${what}`, { code: 'manifest-unknown' });
}
