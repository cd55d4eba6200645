import { mkdtempSync, rmSync } from 'node:fs';
import { request } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Engine } from '../../../engine/host/engine.ts';
import { silentLog } from '../../../foundation/base/log.ts';
import { createDockerApi } from '../docker-api.ts';

export interface Reply {
  status: number;
  headers: Record<string, string | string[] | undefined>;
  text: string;
  json: unknown;
}

export interface ServedApi extends AsyncDisposable {
  path: string;
  /** A body that is no text is sent as JSON. */
  call(method: string, path: string, body?: unknown, headers?: Record<string, string>): Promise<Reply>;
}

/** The API of an engine on a real unix socket, gone with the scope. */
export async function serveApi(engine: Engine): Promise<ServedApi> {
  const folder = mkdtempSync(join(tmpdir(), 'silo-api-'));
  const path = join(folder, 's.sock');
  const api = createDockerApi(engine, {
    version: { version: '0.1.0', gitCommit: 'abc', buildTime: '' },
    log: silentLog,
  });
  await api.listen({ kind: 'unix', path });
  return {
    path,
    call: (method, target, body, headers = {}) => send(path, { method, target, body, headers }),
    async [Symbol.asyncDispose]() {
      await api.close();
      rmSync(folder, { recursive: true });
    },
  };
}

function send(
  socketPath: string,
  call: { method: string; target: string; body: unknown; headers: Record<string, string> },
): Promise<Reply> {
  const text = typeof call.body === 'string' ? call.body : JSON.stringify(call.body);
  const type = text === undefined ? {} : { 'content-type': 'application/json' };
  return new Promise((resolve, reject) => {
    const outgoing = request(
      { socketPath, method: call.method, path: call.target, headers: { ...type, ...call.headers } },
      (incoming) => {
        const chunks: Buffer[] = [];
        incoming.on('data', (chunk: Buffer) => chunks.push(chunk));
        incoming.on('error', reject);
        incoming.on('end', () => {
          const received = Buffer.concat(chunks).toString();
          resolve({
            status: incoming.statusCode ?? 0,
            headers: incoming.headers,
            text: received,
            json: parse(received),
          });
        });
      },
    );
    outgoing.on('error', reject);
    outgoing.end(text);
  });
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
