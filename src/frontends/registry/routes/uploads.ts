import type { Registry, UploadChunk, UploadStatus } from '../../../engine/registry/registry.ts';
import { isKind, toSiloError } from '../../../foundation/base/errors.ts';
import type { Digest } from '../../../foundation/oci/digest.ts';
import { digestAlgorithm } from '../../../foundation/oci/digest.ts';
import { isRepositoryName, type RepositoryName } from '../../../foundation/oci/repository-name.ts';
import { chunkRange } from '../byte-range.ts';
import type { Answer, RegistryCall, Route } from '../call.ts';
import { readDigest } from '../parse.ts';

const collection = '/v2/{name:.*}/blobs/uploads';
const item = `${collection}/{id}`;

export function uploadRoutes({ uploads, blobs }: Pick<Registry, 'uploads' | 'blobs'>): Route[] {
  const start = async (call: RegistryCall): Promise<Answer> => {
    const { repository, exchange } = call;
    const { query } = exchange;
    const mounted = query.get('mount');
    if (mounted !== null && (await mount(call, readDigest(mounted))))
      return created(repository, readDigest(mounted));
    const given = query.get('digest');
    const digest = given === null ? undefined : readDigest(given);
    const wanted = digest === undefined ? query.get('digest-algorithm') : digestAlgorithm(digest);
    const algorithm = wanted === 'sha512' ? 'sha512' : 'sha256';
    const upload = await uploads.start(repository, { algorithm });
    if (digest === undefined) return accepted(repository, upload);
    try {
      await uploads.finish(repository, upload.id, digest, { bytes: call.body });
    } catch (error) {
      // The client does not know its id: nobody will resume it.
      await uploads.cancel(repository, upload.id).catch(unlessUnknown);
      throw error;
    }
    return created(repository, digest);
  };
  /** A client that may not read there learns nothing about it: it uploads. */
  const mount = async (call: RegistryCall, digest: Digest): Promise<boolean> => {
    const from = call.exchange.query.get('from') ?? call.repository;
    if (!isRepositoryName(from)) return false;
    if (from !== call.repository && !(await call.allows({ action: 'pull', repository: from }))) return false;
    return blobs.mount(call.repository, digest, from);
  };
  /** Where the upload is, when a chunk does not fit. */
  const answerRange = async (call: RegistryCall, work: () => Promise<Answer>): Promise<Answer> => {
    try {
      return await work();
    } catch (error) {
      if (toSiloError(error).code === 'range-invalid')
        setHeaders(
          call,
          statusHeaders(call.repository, await uploads.status(call.repository, call.param('id'))),
        );
      throw error;
    }
  };
  return [
    // OCI distribution spec, end-4a, end-4b and end-11. Clients write it with and without the last slash.
    { method: 'POST', path: `${collection}/`, access: 'push', handle: start },
    { method: 'POST', path: collection, access: 'push', handle: start },
    {
      // end-13
      method: 'GET',
      path: item,
      access: 'push',
      async handle({ repository, param }) {
        const headers = statusHeaders(repository, await uploads.status(repository, param('id')));
        return { status: 204, headers };
      },
    },
    {
      // end-5
      method: 'PATCH',
      path: item,
      access: 'push',
      handle: (call) =>
        answerRange(call, async () => {
          const upload = await uploads.append(call.repository, call.param('id'), chunkOf(call));
          return accepted(call.repository, upload);
        }),
    },
    {
      // end-6
      method: 'PUT',
      path: item,
      access: 'push',
      handle: (call) =>
        answerRange(call, async () => {
          const digest = readDigest(call.exchange.query.get('digest') ?? '');
          await uploads.finish(call.repository, call.param('id'), digest, chunkOf(call));
          return created(call.repository, digest);
        }),
    },
    {
      // end-14
      method: 'DELETE',
      path: item,
      access: 'push',
      async handle({ repository, param }) {
        await uploads.cancel(repository, param('id'));
        return { status: 204 };
      },
    },
  ];
}

function chunkOf({ exchange, body }: RegistryCall): UploadChunk {
  const range = chunkRange(exchange.headers);
  return { bytes: body, ...(range === undefined ? {} : { range }) };
}

function statusHeaders(repository: RepositoryName, { id, offset }: UploadStatus): Record<string, string> {
  return {
    Location: `/v2/${repository}/blobs/uploads/${id}`,
    Range: `0-${Math.max(0, offset - 1)}`,
    'Docker-Upload-UUID': id,
  };
}

const accepted = (repository: RepositoryName, upload: UploadStatus): Answer => ({
  status: 202,
  headers: statusHeaders(repository, upload),
});

const created = (repository: RepositoryName, digest: Digest): Answer => ({
  status: 201,
  headers: { Location: `/v2/${repository}/blobs/${digest}`, 'Docker-Content-Digest': digest },
});

function setHeaders({ exchange }: RegistryCall, headers: Record<string, string>): void {
  for (const [name, value] of Object.entries(headers)) exchange.setHeader(name, value);
}

function unlessUnknown(error: unknown): void {
  if (!isKind(error, 'not-found')) throw error;
}
