import type { IncomingMessage, ServerResponse } from 'node:http';
import { registryError } from './hostile-registry.ts';
import { type SampleBlob, blobOf } from './sample-image.ts';

/** The writing half of the test registry, as the OCI distribution specification has it ("Push"). */
export interface Uploads {
  /** True when it was a request of this half. */
  serve(request: IncomingMessage, response: ServerResponse): boolean;
  holders(digest: string): string[];
}

export function createUploads(store: {
  manifests: Map<string, SampleBlob>;
  blobs: Map<string, SampleBlob>;
}): Uploads {
  const sessions = new Map<string, Buffer[]>();
  // Ended ones go: their number says nothing about the next name.
  let begun = 0;
  const held = new Map<string, Set<string>>();
  const hold = (repository: string, digest: string): void => {
    const holders = held.get(digest) ?? new Set();
    held.set(digest, holders.add(repository));
  };
  const begin = (repository: string, url: URL, response: ServerResponse): void => {
    const mount = url.searchParams.get('mount');
    if (mount !== null && held.get(mount)?.has(url.searchParams.get('from') ?? '')) {
      hold(repository, mount);
      return void response.writeHead(201, { 'docker-content-digest': mount, 'content-length': 0 }).end();
    }
    const id = `session-${begun++}`;
    sessions.set(id, []);
    const location = `/v2/${repository}/blobs/uploads/${id}?state=begun`;
    response.writeHead(202, { location, range: '0-0', 'content-length': 0 }).end();
  };
  const go = (
    repository: string,
    { id, url }: { id: string; url: URL },
    { request, response }: { request: IncomingMessage; response: ServerResponse },
  ): void => {
    const parts = sessions.get(id);
    if (parts === undefined)
      return registryError(response, 404, {
        code: 'BLOB_UPLOAD_UNKNOWN',
        message: 'blob upload unknown to registry',
      });
    const size = (): number => parts.reduce((sum, part) => sum + part.byteLength, 0);
    const range = /^(\d+)-/.exec(request.headers['content-range'] ?? '')?.[1];
    if (range !== undefined && Number(range) !== size())
      return registryError(response, 416, { code: 'RANGE_INVALID', message: 'range invalid' });
    // Kept as they come: what a broken connection brought stays.
    request.on('data', (chunk: Buffer) => parts.push(chunk));
    request.on('end', () => {
      const location = `/v2/${repository}/blobs/uploads/${id}?state=${size()}`;
      if (request.method !== 'PUT') {
        const headers = { location, range: `0-${Math.max(0, size() - 1)}`, 'content-length': 0 };
        return void response.writeHead(request.method === 'PATCH' ? 202 : 204, headers).end();
      }
      const digest = url.searchParams.get('digest') ?? '';
      const blob = blobOf('application/octet-stream', Buffer.concat(parts));
      if (blob.digest !== digest)
        return registryError(response, 400, {
          code: 'DIGEST_INVALID',
          message: 'provided digest did not match uploaded content',
        });
      sessions.delete(id);
      store.blobs.set(digest, blob);
      hold(repository, digest);
      response.writeHead(201, { 'docker-content-digest': digest, 'content-length': 0 }).end();
    });
  };
  const putManifest = (
    repository: string,
    name: string,
    { request, response }: { request: IncomingMessage; response: ServerResponse },
  ): void => {
    const parts: Buffer[] = [];
    request.on('data', (chunk: Buffer) => parts.push(chunk));
    request.on('end', () => {
      const manifest = blobOf(request.headers['content-type'] ?? '', Buffer.concat(parts));
      for (const key of [name, manifest.digest]) store.manifests.set(`${repository} ${key}`, manifest);
      response.writeHead(201, { 'docker-content-digest': manifest.digest, 'content-length': 0 }).end();
    });
  };
  return {
    holders: (digest) => [...(held.get(digest) ?? [])],
    serve(request, response) {
      const url = new URL(request.url ?? '/', 'http://x');
      const upload = /^\/v2\/(.+)\/blobs\/uploads\/([^/]*)$/.exec(url.pathname);
      if (upload?.[1] !== undefined) {
        if (request.method === 'POST') begin(upload[1], url, response);
        else go(upload[1], { id: upload[2] ?? '', url }, { request, response });
        return true;
      }
      const manifest = /^\/v2\/(.+)\/manifests\/([^/]+)$/.exec(url.pathname);
      if (request.method === 'PUT' && manifest?.[1] !== undefined) {
        putManifest(manifest[1], manifest[2] ?? '', { request, response });
        return true;
      }
      const blob = /^\/v2\/(.+)\/blobs\/([^/]+)$/.exec(url.pathname);
      // A blob of another repository is not this one's.
      if (request.method !== 'HEAD' || blob?.[1] === undefined || held.get(blob[2] ?? '')?.has(blob[1]))
        return false;
      response.writeHead(404, { 'content-length': 0 }).end();
      return true;
    },
  };
}
