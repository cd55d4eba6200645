import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { request as plainRequest } from 'node:http';
import { request as tlsRequest } from 'node:https';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { siloCommand } from '../e2e/harness.ts';
import {
  peerPasswords,
  type PeerRegistryOptions,
  peerUser,
  startPeerRegistry,
} from '../registry/peer-registry.ts';
import { digestOf, type SampleImage } from '../registry/sample-image.ts';
import type { RegistryKind, RegistryName } from './table.ts';

/** A registry under test, and all that a client may need to reach it. */
export interface Place {
  registry: RegistryName;
  kind: RegistryKind;
  port: number;
  /** Folder with the authority's certificate, `ca.crt`. */
  authorities: string;
  accounts: typeof peerUser;
}

export interface Certificates {
  folder: string;
  certificate: string;
  key: string;
}

/** Names that the daemon's own /etc/hosts leads to loopback: on loopback's address itself nobody asks for certificates. */
export const trustedName = 'registry.test';
export const strangeName = 'stranger.test';

export const addressOf = (place: Place): string => `127.0.0.1:${place.port}`;

/** An authority that signs for itself. */
export function makeCertificates(folder: string): Certificates {
  const made = { folder, certificate: join(folder, 'ca.crt'), key: join(folder, 'registry.pem') };
  mkdirSync(folder, { recursive: true });
  const names = `subjectAltName=DNS:${trustedName},DNS:${strangeName},IP:127.0.0.1`;
  const words =
    'req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2 -subj /CN=registry.test -addext';
  const ran = spawnSync('openssl', [
    ...words.split(' '),
    names,
    '-keyout',
    made.key,
    '-out',
    made.certificate,
  ]);
  if (ran.status !== 0) throw new Error(`openssl: ${ran.stderr.toString()}`);
  return made;
}

/** A running registry; what it keeps goes with it. */
export async function startRegistry(
  undo: AsyncDisposableStack,
  registry: RegistryName,
  kind: RegistryKind,
  { folder, certificate, key }: Certificates,
): Promise<Place> {
  const authorities = join(folder, 'authorities');
  mkdirSync(authorities, { recursive: true });
  writeFileSync(join(authorities, 'ca.crt'), readFileSync(certificate));
  const options = {
    password: kind === 'password',
    ...(kind === 'tls' ? { tls: { certificate, key } } : {}),
  };
  const started =
    registry === 'docker-registry'
      ? undo.use(await startPeerRegistry(options))
      : undo.use(await startOwnRegistry(join(folder, `own-${kind}`), options));
  const port = Number(started.host.split(':')[1]);
  return { registry, kind, port, authorities, accounts: peerUser };
}

/** The registry server of this source tree, on a free port, until it is disposed of. */
async function startOwnRegistry(
  folder: string,
  { password, tls }: PeerRegistryOptions,
): Promise<AsyncDisposable & { host: string }> {
  mkdirSync(folder, { recursive: true });
  const users = join(folder, 'htpasswd');
  writeFileSync(users, peerPasswords);
  const [program = '', ...words] = siloCommand(
    'registry',
    'serve',
    '--addr=127.0.0.1:0',
    `--root=${join(folder, 'images')}`,
    ...(tls ? ['--tls-cert', tls.certificate, '--tls-key', tls.key] : []),
    ...(password ? ['--htpasswd', users] : []),
  );
  const server = spawn(program, words, { stdio: ['ignore', 'pipe', 'inherit'] });
  const ended = once(server, 'exit');
  for await (const line of createInterface({ input: server.stdout })) {
    const host = /listens on (127\.0\.0\.1:\d+)/.exec(line)?.[1];
    if (host === undefined) continue;
    server.stdout.resume();
    return {
      host,
      async [Symbol.asyncDispose]() {
        server.kill('SIGKILL');
        await ended;
      },
    };
  }
  throw new Error('the registry ended before it listened');
}

export interface RemoteAnswer {
  status: number;
  digest: string;
  body: Buffer;
}

/** Asks the registry itself, past every client. */
export function ask(
  place: Place,
  method: string,
  path: string,
  body?: { type: string; bytes: Buffer },
): Promise<RemoteAnswer> {
  const tls = place.kind === 'tls';
  const { username, password } = place.accounts;
  return new Promise((resolve, reject) => {
    const request = (tls ? tlsRequest : plainRequest)(
      {
        host: '127.0.0.1',
        port: place.port,
        method,
        path,
        rejectUnauthorized: false,
        headers: {
          Accept:
            'application/vnd.oci.image.manifest.v1+json, application/vnd.oci.image.index.v1+json, application/vnd.docker.distribution.manifest.v2+json, application/vnd.docker.distribution.manifest.list.v2+json',
          ...(place.kind === 'password'
            ? { Authorization: `Basic ${Buffer.from(`${username}:${password}`).toString('base64')}` }
            : {}),
          ...(body ? { 'Content-Type': body.type, 'Content-Length': body.bytes.length } : {}),
        },
      },
      (response) => {
        const parts: Buffer[] = [];
        response.on('data', (part: Buffer) => void parts.push(part));
        response.on('error', reject);
        response.on('end', () => {
          const bytes = Buffer.concat(parts);
          const location = response.headers.location ?? '';
          resolve({
            status: response.statusCode ?? 0,
            digest: digestOf(bytes),
            body: location ? Buffer.from(location) : bytes,
          });
        });
      },
    );
    request.on('error', reject);
    request.end(body?.bytes);
  });
}

/** Puts an image there by the protocol alone. */
export async function seed(place: Place, name: string, tag: string, image: SampleImage): Promise<void> {
  for (const blob of image.blobs) {
    const begun = await ask(place, 'POST', `/v2/${name}/blobs/uploads/`);
    const at = new URL(begun.body.toString(), 'http://127.0.0.1');
    at.searchParams.set('digest', blob.digest);
    const type = 'application/octet-stream';
    const done = await ask(place, 'PUT', `${at.pathname}${at.search}`, { type, bytes: blob.bytes });
    if (done.status !== 201) throw new Error(`a blob was answered with ${done.status}`);
  }
  // The index comes after the manifests that it names.
  for (const [position, document] of [...image.documents.entries()].toReversed()) {
    const target = position === 0 ? tag : document.digest;
    const done = await ask(place, 'PUT', `/v2/${name}/manifests/${target}`, {
      type: document.mediaType,
      bytes: document.bytes,
    });
    if (done.status !== 201)
      throw new Error(`a manifest was answered with ${done.status}: ${done.body.toString()}`);
  }
}
