import { existsSync, readFileSync } from 'node:fs';
import { type EngineOptions, startEngine, type TestEngine } from '../e2e/harness.ts';
import { ask, bootstrapBusybox, create, launch, logs, publishedAt } from '../e2e/objects.ts';
import { eventually } from '../e2e/footprint.ts';
import { type HostileRegistry, startHostileRegistry } from '../registry/hostile-registry.ts';
import { type SampleImage, sampleImage, tarOf } from '../registry/sample-image.ts';

/** A reason why the suite cannot run here, or undefined. */
export const skipReason: string | undefined =
  process.getuid?.() !== 0
    ? 'it needs root'
    : ['/bin/busybox', '/usr/bin/crun', '/usr/bin/conmon'].find((path) => !existsSync(path));

/**
 * An engine with a bystander, whose life no death of the engine may touch: it counts aloud, and serves a page on a published port.
 * Beside it a registry in this process, so that a dead engine takes nothing else with it.
 */
export interface World extends AsyncDisposable {
  readonly engine: TestEngine;
  readonly bystanderId: string;
  readonly registry: HostileRegistry;
  /** `127.0.0.1:PORT/app:1` */
  readonly reference: string;
  readonly archive: Buffer<ArrayBuffer>;
  readonly rootfs: Buffer<ArrayBuffer>;
  /** Where the bystander's page is. */
  page(): Promise<string>;
  /** How far the bystander has counted; throws when a line is missing or twice in its log. */
  count(): Promise<number>;
}

export const bystander = 'bystander';

export async function openWorld(options: EngineOptions = {}): Promise<World> {
  await using undo = new AsyncDisposableStack();
  const registry = undo.use(await startHostileRegistry());
  const image = runnableImage();
  registry.add('app', '1', image);
  const engine = undo.use(await startEngine(options));
  await bootstrapBusybox(engine);
  const counting =
    'mkdir /www; echo page > /www/index.html; httpd -p 80 -h /www; i=0; while :; do echo line $i; i=$((i+1)); usleep 50000; done';
  const bystanderId = await launch(engine, bystander, {
    Cmd: ['sh', '-c', counting],
    HostConfig: { PortBindings: { '80/tcp': [{ HostIp: '127.0.0.1', HostPort: '' }] } },
  });
  const address = await publishedAt(engine, bystander, '80/tcp');
  const page = async (): Promise<string> => {
    const response = await fetch(`http://${address}/`, {
      signal: AbortSignal.timeout(5_000),
      keepalive: false,
    });
    return response.text();
  };
  await eventually(() =>
    page().then(
      (text) => text === 'page\n',
      () => false,
    ),
  );
  const owned = undo.move();
  return {
    engine,
    bystanderId,
    registry,
    reference: `${registry.host}/app:1`,
    archive: dockerArchive(image, 'archived:1'),
    rootfs: rootfsTar(),
    page,
    async count() {
      const lines = (await logs(engine, bystander)).split('\n').slice(0, -1);
      const wrong = lines.findIndex((line, place) => line !== `line ${place}`);
      if (wrong !== -1)
        throw new Error(`line ${wrong} of the bystander's log is ${JSON.stringify(lines[wrong])}`);
      return lines.length;
    },
    [Symbol.asyncDispose]: () => owned.disposeAsync(),
  };
}

/** A container that says that it began and then stays. */
export const staying = {
  Cmd: ['sh', '-c', 'echo begun > /written; cat /written; exec sleep 600'],
  Volumes: { '/scratch': {} },
  HostConfig: {
    Binds: ['subject-volume:/data'],
    PortBindings: { '80/tcp': [{ HostIp: '127.0.0.1', HostPort: '' }] },
  },
};

export const createSubject = (world: World): Promise<string> => create(world.engine, 'subject', staying);

export const pull = ({ engine, registry }: World): Promise<unknown> =>
  ask(engine, 'POST', `/images/create?fromImage=${encodeURIComponent(`${registry.host}/app`)}&tag=1`);

/** POST of an archive; the answer's body is a stream of JSON. */
export async function upload(engine: TestEngine, path: string, body: Buffer<ArrayBuffer>): Promise<string> {
  const response = await fetch(`http://localhost${path}`, {
    method: 'POST',
    unix: engine.socket,
    body,
    headers: { 'Content-Type': 'application/x-tar' },
    signal: AbortSignal.timeout(30_000),
  });
  const text = await response.text();
  if (!response.ok || text.includes('"errorDetail"'))
    throw new Error(`POST ${path}: ${response.status} ${text}`);
  return text;
}

/** Two layers: a program that runs, and what it shows. */
export function runnableImage(): SampleImage {
  return sampleImage({
    layers: [
      { 'bin/busybox': readFileSync('/bin/busybox') },
      { 'bin/tool': '#!/bin/busybox sh\nexec /bin/busybox cat /etc/greeting\n', 'etc/greeting': 'hello\n' },
    ],
  });
}

const rootfsTar = (): Buffer<ArrayBuffer> =>
  Buffer.from(tarOf({ 'bin/busybox': readFileSync('/bin/busybox'), 'etc/greeting': 'imported\n' }));

/** The form that `docker save` has written since its beginning. */
export function dockerArchive(image: SampleImage, tag: string): Buffer<ArrayBuffer> {
  const [config, ...layers] = image.blobs;
  if (!config) throw new Error('an image without a configuration');
  const names = layers.map((layer) => `${layer.digest.slice(7)}.tar`);
  const manifest = [{ Config: `${config.digest.slice(7)}.json`, RepoTags: [tag], Layers: names }];
  return Buffer.from(
    tarOf({
      [`${config.digest.slice(7)}.json`]: config.bytes,
      ...Object.fromEntries(layers.map((layer, place) => [names[place] ?? '', layer.bytes])),
      'manifest.json': JSON.stringify(manifest),
    }),
  );
}
