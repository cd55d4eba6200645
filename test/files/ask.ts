import { request } from 'node:http';
import type { Readable } from 'node:stream';
import type { TestEngine } from '../e2e/harness.ts';

/* Requests for archives of containers, whose bodies are bytes. */

export interface ArchiveAnswer {
  status: number;
  /** The decoded header, when there is one. */
  stat: { name: string; size: number; mode: number; mtime: string; linkTarget: string } | undefined;
  body: Buffer;
  /** Of an error. */
  message: string;
}

export async function archive(
  engine: Pick<TestEngine, 'socket'>,
  method: 'HEAD' | 'GET' | 'PUT',
  container: string,
  query: string,
  upload?: Buffer | Readable,
): Promise<ArchiveAnswer> {
  return await new Promise((resolve, reject) => {
    const sent = request(
      {
        socketPath: engine.socket,
        method,
        path: `/v1.51/containers/${container}/archive?${query}`,
        headers: Buffer.isBuffer(upload) ? { 'content-length': String(upload.length) } : {},
      },
      (response) => {
        const chunks: Buffer[] = [];
        response.on('data', (chunk: Buffer) => void chunks.push(chunk));
        response.once('error', reject).once('end', () => {
          const body = Buffer.concat(chunks);
          const status = response.statusCode ?? 0;
          const header = response.headers['x-docker-container-path-stat'];
          resolve({
            status,
            stat:
              typeof header === 'string'
                ? (JSON.parse(Buffer.from(header, 'base64').toString()) as ArchiveAnswer['stat'])
                : undefined,
            body,
            message:
              status >= 400 && body.length > 0
                ? (JSON.parse(body.toString()) as { message: string }).message
                : '',
          });
        });
      },
    );
    sent.once('error', reject);
    if (upload === undefined || Buffer.isBuffer(upload)) sent.end(upload);
    else upload.pipe(sent);
  });
}

export const put = (
  engine: Pick<TestEngine, 'socket'>,
  container: string,
  path: string,
  upload: Buffer | Readable,
  more = '',
): Promise<ArchiveAnswer> =>
  archive(engine, 'PUT', container, `path=${encodeURIComponent(path)}${more}`, upload);

export const get = (
  engine: Pick<TestEngine, 'socket'>,
  container: string,
  path: string,
): Promise<ArchiveAnswer> => archive(engine, 'GET', container, `path=${encodeURIComponent(path)}`);
