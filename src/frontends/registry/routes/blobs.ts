import type { Registry } from '../../../engine/registry/registry.ts';
import type { Answer, Route } from '../call.ts';
import { requestedRange } from '../byte-range.ts';
import { entityTag, hasAlready } from '../conditional.ts';
import { readDigest } from '../parse.ts';

const type = 'application/octet-stream';
const path = '/v2/{name:.*}/blobs/{digest}';

export function blobRoutes({ blobs }: Pick<Registry, 'blobs'>): Route[] {
  return [
    {
      // OCI distribution spec, end-2.
      method: 'GET',
      path,
      access: 'pull',
      async handle({ exchange, repository, param }): Promise<Answer> {
        const digest = readDigest(param('digest'));
        const tag = entityTag(digest);
        const headers = {
          'Docker-Content-Digest': digest,
          ETag: tag,
          'Accept-Ranges': 'bytes',
          'Cache-Control': 'max-age=31536000',
        };
        if (exchange.method === 'HEAD' || hasAlready(exchange.headers, digest)) {
          const { sizeBytes } = await blobs.info(repository, digest);
          if (hasAlready(exchange.headers, digest)) return { status: 304, headers };
          return { status: 200, headers, content: { kind: 'length', type, sizeBytes } };
        }
        const blob = await blobs.open(repository, digest);
        const { sizeBytes } = blob;
        const range = requestedRange(exchange.headers, sizeBytes, tag);
        switch (range.kind) {
          case 'whole':
            return { status: 200, headers, content: { kind: 'blob', type, blob, start: 0, end: sizeBytes } };
          case 'part': {
            const { start, end } = range;
            return {
              status: 206,
              headers: { ...headers, 'Content-Range': `bytes ${start}-${end - 1}/${sizeBytes}` },
              content: { kind: 'blob', type, blob, start, end },
            };
          }
          case 'unsatisfiable':
            await blob[Symbol.asyncDispose]();
            return { status: 416, headers: { 'Content-Range': `bytes */${sizeBytes}` } };
        }
      },
    },
    {
      // end-10
      method: 'DELETE',
      path,
      access: 'delete',
      async handle({ repository, param }) {
        await blobs.remove(repository, readDigest(param('digest')));
        return { status: 202 };
      },
    },
  ];
}
