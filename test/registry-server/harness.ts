import { createHash } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createRegistry, type RegistryOptions } from '../../src/engine/registry/create-registry.ts';
import type { Registry } from '../../src/engine/registry/registry.ts';
import { silentLog } from '../../src/foundation/base/log.ts';
import {
  createRegistryServer,
  type RegistryServerOptions,
} from '../../src/frontends/registry/registry-server.ts';
import { openFolderStore } from '../../src/resources/registry/folder-store.ts';

/** Our registry in this process, on a free loopback port, over a folder of its own. */
export interface LocalRegistry extends AsyncDisposable {
  readonly host: string;
  readonly url: string;
  readonly root: string;
  readonly registry: Registry;
}

export async function startLocalRegistry(
  options: Partial<RegistryOptions & RegistryServerOptions> & { root?: string } = {},
): Promise<LocalRegistry> {
  await using undo = new AsyncDisposableStack();
  const root = options.root ?? (await mkdtemp(join(tmpdir(), 'silo-registry-')));
  if (options.root === undefined) undo.defer(() => rm(root, { recursive: true, force: true }));
  const store = undo.use(await openFolderStore(root));
  const registry = createRegistry(store, { log: silentLog, ...options });
  const server = createRegistryServer(registry, { log: silentLog, ...options });
  undo.defer(() => server.close());
  const bound = await server.listen({ kind: 'tcp', host: '127.0.0.1', port: 0 });
  const host = bound.kind === 'tcp' ? `127.0.0.1:${bound.port}` : '';
  const kept = undo.move();
  return {
    host,
    url: `http://${host}`,
    root,
    registry,
    [Symbol.asyncDispose]: () => kept.disposeAsync(),
  };
}

export const digestOf = (data: string | Uint8Array, algorithm: 'sha256' | 'sha512' = 'sha256'): string =>
  `${algorithm}:${createHash(algorithm).update(data).digest('hex')}`;

/** Pushes a blob in one request and resolves to its descriptor. */
export async function pushBlob(
  url: string,
  repository: string,
  data: string | Uint8Array,
): Promise<{ mediaType: string; digest: string; size: number }> {
  const digest = digestOf(data);
  const answer = await fetch(`${url}/v2/${repository}/blobs/uploads/?digest=${digest}`, {
    method: 'POST',
    body: data,
  });
  if (answer.status !== 201) throw new Error(`push of a blob: ${answer.status} ${await answer.text()}`);
  return { mediaType: 'application/octet-stream', digest, size: Buffer.byteLength(data) };
}

export const ociManifest = 'application/vnd.oci.image.manifest.v1+json';
export const ociIndex = 'application/vnd.oci.image.index.v1+json';

/** A manifest of one layer, whose blobs it pushes. */
export async function makeManifest(
  url: string,
  repository: string,
  { layer = 'layer', ...extra }: { layer?: string } & Record<string, unknown> = {},
): Promise<string> {
  const config = await pushBlob(url, repository, '{}');
  const layers = [await pushBlob(url, repository, layer)];
  return JSON.stringify({ schemaVersion: 2, mediaType: ociManifest, config, layers, ...extra });
}

export function putManifest(
  url: string,
  { repository, reference }: { repository: string; reference: string },
  document: string,
  type = ociManifest,
): Promise<Response> {
  return fetch(`${url}/v2/${repository}/manifests/${reference}`, {
    method: 'PUT',
    headers: { 'Content-Type': type },
    body: document,
  });
}

/** The code in the body of a failure. */
export async function codeOf(answer: Response): Promise<string> {
  const body = (await answer.json()) as { errors: { code: string }[] };
  return `${answer.status} ${body.errors[0]?.code}`;
}
