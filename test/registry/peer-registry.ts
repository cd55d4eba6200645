import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { type SampleImage, pointer } from './sample-image.ts';

/** Debian's `docker-registry` on a free loopback port, over plain HTTP; everything it stores is removed at the end. */
export interface PeerRegistry extends AsyncDisposable {
  readonly host: string;
  /** Copies an image into it with skopeo. */
  push(name: string, image: SampleImage): Promise<void>;
}

/** The one user of `startPeerRegistry({ password: true })`; the hash is bcrypt's, the only one that this registry knows. */
export const peerUser = { username: 'ali', password: 'open-sesame' } as const;
export const peerPasswords = 'ali:$2b$04$6Eib4uVzuED2IeUDYIFDL.sgQJukjQx4nnWQTS3fLR.6oYqQIr5V2\n';

/** Programs that are missing; a test that needs them says so when it skips. */
export function missingPeers(): string[] {
  return ['docker-registry', 'skopeo'].filter(
    (program) => spawnSync(program, ['--version'], { stdio: 'ignore' }).error !== undefined,
  );
}

export interface PeerRegistryOptions {
  /** Asks for `peerUser`. */
  password?: boolean;
  /** Files in PEM; skopeo is then told to trust everything. */
  tls?: { certificate: string; key: string };
}

export async function startPeerRegistry(options: PeerRegistryOptions = {}): Promise<PeerRegistry> {
  const folder = await mkdtemp(join(tmpdir(), 'silo-peer-'));
  await using undo = new AsyncDisposableStack();
  undo.defer(() => rm(folder, { recursive: true, force: true }));
  await writeFile(join(folder, 'htpasswd'), peerPasswords);
  const config = {
    version: 0.1,
    log: { level: 'info' },
    storage: { filesystem: { rootdirectory: join(folder, 'data') }, delete: { enabled: true } },
    http: { addr: '127.0.0.1:0', ...(options.tls ? { tls: options.tls } : {}) },
    ...(options.password ? { auth: { htpasswd: { realm: 'peer', path: join(folder, 'htpasswd') } } } : {}),
  };
  // JSON is YAML.
  await writeFile(join(folder, 'config.yml'), JSON.stringify(config));
  const registry = spawn('docker-registry', ['serve', join(folder, 'config.yml')], {
    stdio: ['ignore', 'ignore', 'pipe'],
    env: { PATH: process.env['PATH'], OTEL_TRACES_EXPORTER: 'none' },
  });
  undo.defer(() => stop(registry));
  const host = await listeningAddress(registry);
  const kept = undo.move();
  return {
    host,
    async push(name, image) {
      const layout = join(folder, 'layout');
      await writeOciLayout(layout, image);
      const credentials = options.password ? [`--dest-creds=${peerUser.username}:${peerUser.password}`] : [];
      const target = `docker://${host}/${name}`;
      const copied = spawn(
        'skopeo',
        [
          '--insecure-policy',
          'copy',
          '--all',
          '--dest-tls-verify=false',
          ...credentials,
          `oci:${layout}:latest`,
          target,
        ],
        { stdio: ['ignore', 'ignore', 'inherit'] },
      );
      const [code] = (await once(copied, 'exit')) as [number | null];
      await rm(layout, { recursive: true });
      if (code !== 0) throw new Error(`skopeo ended with ${code}`);
    },
    [Symbol.asyncDispose]: () => kept.disposeAsync(),
  };
}

async function stop(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  child.kill('SIGKILL');
  await once(child, 'exit');
}

async function listeningAddress(registry: ChildProcess): Promise<string> {
  if (registry.stderr === null) throw new Error('no log to read');
  const lines = createInterface({ input: registry.stderr });
  for await (const line of lines) {
    const address = /listening on (127\.0\.0\.1:\d+)/.exec(line)?.[1];
    if (address === undefined) continue;
    // The log must be read on, or the registry would stand still one day.
    registry.stderr.resume();
    return address;
  }
  throw new Error('docker-registry ended before it listened');
}

/** An OCI image layout (image-layout.md) that other tools read. */
export async function writeOciLayout(folder: string, image: SampleImage): Promise<void> {
  const blobs = join(folder, 'blobs', 'sha256');
  await mkdir(blobs, { recursive: true });
  for (const blob of [...image.documents, ...image.blobs])
    await writeFile(join(blobs, blob.digest.replace('sha256:', '')), blob.bytes);
  const [top] = image.documents;
  if (top === undefined) throw new Error('an image without documents');
  const entry = { ...pointer(top), annotations: { 'org.opencontainers.image.ref.name': 'latest' } };
  await writeFile(join(folder, 'oci-layout'), '{"imageLayoutVersion":"1.0.0"}');
  await writeFile(join(folder, 'index.json'), JSON.stringify({ schemaVersion: 2, manifests: [entry] }));
}
