import { afterAll, beforeAll, describe, expect, test } from 'bun:test';
import { spawnSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { copyFileSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { startEngine, type TestEngine } from '../e2e/harness.ts';
import { writeOciLayout } from '../registry/peer-registry.ts';
import { sampleImage, sampleIndex } from '../registry/sample-image.ts';
import type { Client, World } from './client.ts';
import { podmanLike, skopeo, topDigest } from './containers-tools.ts';
import { beforeDocker, beforeEngine, throughDaemon } from './engine-clients.ts';
import {
  ask,
  makeCertificates,
  type Place,
  seed,
  startRegistry,
  strangeName,
  trustedName,
} from './registries.ts';
import {
  type ClientName,
  clientNames,
  concerns,
  formatMatrix,
  missing,
  type Operation,
  operations,
  registryKinds,
  registryPairs,
} from './table.ts';

const has = (program: string): boolean =>
  spawnSync(program, ['--version'], { stdio: 'ignore' }).error === undefined;
const isRoot = process.getuid?.() === 0;
const absent = ['docker-registry', 'skopeo', 'openssl'].filter((program) => !has(program));
const able = isRoot && absent.length === 0;
if (!able)
  console.log(`skipped: the matrix of registries needs root${absent.map((name) => `, ${name}`).join('')}`);
/** The socket of a real Docker, which no test starts: it changes the host's firewall. */
const dockerSocket = process.env['SILO_TEST_DOCKER'] ?? '';
const present = clientNames.filter((name) =>
  name === 'dockerd' ? dockerSocket !== '' && has('docker') : name === 'silo' || has(name),
);
for (const name of clientNames)
  if (!present.includes(name))
    console.log(
      `skipped: every cell of ${name}, ${name === 'dockerd' ? 'unless SILO_TEST_DOCKER is its socket (unix:///…)' : 'which is not installed'}`,
    );

test('the page shows the table of this test', () => {
  const page = readFileSync(join(import.meta.dir, '../../docs/registry-compatibility.md'), 'utf8');
  const [, shown] = /<!-- matrix: begin -->\n([^]*)<!-- matrix: end -->/.exec(page) ?? [];
  // oxfmt pads tables: blanks and dashes do not count.
  const bare = (text: string | undefined): string =>
    (text ?? '').replace(/ +/g, ' ').replace(/-+/g, '-').trim();
  expect(bare(shown)).toBe(bare(formatMatrix()));
});

const layer = (): { [path: string]: Buffer } => ({ 'data/noise': randomBytes(20_000) });
const seeded = sampleImage({ layers: [layer(), { 'etc/greeting': 'hello\n' }] });
const index = sampleIndex({ 'linux/amd64': seeded, 'linux/arm64': sampleImage({ architecture: 'arm64' }) });
const pushed = sampleImage({ layers: [layer(), { 'etc/other': 'well\n' }] });
const pulledId = seeded.blobs[0]?.digest ?? '';

describe.if(able)('registries', () => {
  const stack = new AsyncDisposableStack();
  // In small letters: Podman makes a name of an image of it.
  const folder = join(tmpdir(), `silo-matrix-${randomBytes(6).toString('hex')}`);
  const places = new Map<string, Place>();
  const clients = new Map<ClientName, Client>();
  let played: Promise<unknown> = Promise.resolve();
  const world: World = {
    folder,
    layouts: { pushed: join(folder, 'pushed') },
    pulledId,
    pushedId: pushed.blobs[0]?.digest ?? '',
    accountFile,
    good(result) {
      if (result.code !== 0) throw new Error(`exit code ${result.code}: ${result.stderr}${result.stdout}`);
      return result;
    },
  };

  function accountFile(place: Place, account: 'right' | 'wrong' | 'none'): string {
    const own = join(folder, `account-${place.port}-${account}`);
    mkdirSync(own, { recursive: true });
    const { username, password } = place.accounts;
    const words = `${username}:${account === 'right' ? password : 'not-it'}`;
    const auths = { [`127.0.0.1:${place.port}`]: { auth: Buffer.from(words).toString('base64') } };
    const file = join(own, 'config.json');
    writeFileSync(
      file,
      JSON.stringify({ auths: place.kind === 'password' && account !== 'none' ? auths : {} }),
    );
    return file;
  }

  beforeAll(async () => {
    mkdirSync(folder, { mode: 0o700 });
    stack.defer(() => rm(folder, { recursive: true, force: true }));
    await writeOciLayout(world.layouts.pushed, pushed);
    const certificates = makeCertificates(join(folder, 'tls'));
    for (const { registry, kind } of registryPairs) {
      const place = await startRegistry(stack, registry, kind, certificates);
      places.set(`${registry} ${kind}`, place);
      await seed(place, 'seed/app', 'v1', seeded);
      await seed(place, 'seed/many', 'v1', index);
    }
    const engine = stack.use(await engineThatKnows([...places.values()]));
    for (const name of present)
      clients.set(
        name,
        name === 'skopeo'
          ? skopeo(world)
          : name === 'docker' || name === 'silo'
            ? throughDaemon(beforeEngine(name, engine), world)
            : name === 'dockerd'
              ? throughDaemon(beforeDocker(dockerSocket), world)
              : podmanLike(name, world),
      );
    played = Promise.all(stores.map(playAll));
    played.catch(() => undefined);
  }, 120_000);
  afterAll(async () => {
    await played;
    await clients.get('dockerd')?.leave?.();
    await stack.disposeAsync();
  }, 240_000);

  /** Names lead it to loopback, and it knows the authority of one of them. */
  async function engineThatKnows(all: readonly Place[]): Promise<TestEngine> {
    const hosts = join(folder, 'hosts');
    writeFileSync(hosts, `127.0.0.1 localhost ${trustedName} ${strangeName}\n`);
    const certificates = join(folder, 'certs.d');
    for (const place of all.filter(({ kind }) => kind === 'tls')) {
      const own = join(certificates, `${trustedName}:${place.port}`);
      mkdirSync(own, { recursive: true });
      copyFileSync(join(place.authorities, 'ca.crt'), join(own, 'ca.crt'));
    }
    const config = join(folder, 'daemon.json');
    writeFileSync(config, JSON.stringify({ 'registry-certificates': [certificates] }));
    const script = 'mount --bind "$0" /etc/hosts && exec "$@"';
    return startEngine({
      prefix: ['unshare', '--mount', 'sh', '-c', script, hosts],
      args: ['--config', config],
    });
  }

  const remove = async (place: Place, client: Client, name: string): Promise<void> => {
    await seed(place, 'seed/doomed', name, seeded);
    await client.remove?.(place, `seed/doomed:${name}`);
    expect((await ask(place, 'GET', `/v2/seed/doomed/manifests/${name}`)).status).toBe(404);
  };

  const play: Record<Operation, (place: Place, client: Client, name: ClientName) => Promise<void>> = {
    async push(place, client, name) {
      await client.push(place, `${name}/pushed:v1`);
      const manifest = await ask(place, 'GET', `/v2/${name}/pushed/manifests/v1`);
      expect(manifest.status).toBe(200);
      const { config } = JSON.parse(manifest.body.toString()) as { config: { digest: string } };
      expect(config.digest).toBe(pushed.blobs[0]?.digest ?? '');
    },
    async pull(place, client) {
      expect(await client.pull(place, 'seed/app:v1')).toBe(pulledId);
    },
    async 'copy an index both ways'(place, client, name) {
      await client.copyIndex?.(place, 'seed/many:v1', `${name}/many:v2`);
      const copied = await ask(place, 'GET', `/v2/${name}/many/manifests/v2`);
      expect(copied.digest).toBe(topDigest(index));
    },
    async 'list tags'(place, client) {
      expect(await client.listTags?.(place, 'seed/app')).toEqual(['v1']);
    },
    async search(place, client) {
      const found = (await client.search?.(place, 'seed/app')) ?? [];
      expect(found.map((name) => name.replace(/^[^/]*:\d+\//, ''))).toEqual(['seed/app']);
    },
    delete: (place, client, name) => remove(place, client, name),
    async 'log in'(place, client, name) {
      const file = join(folder, `login-${name}`);
      world.good(await client.logIn(place, file));
      expect(readFileSync(file, 'utf8')).toContain(`127.0.0.1:${place.port}`);
    },
    async 'be refused with a wrong password'(place, client) {
      const result = await client.refused(place, 'seed/app:v1', 'password');
      expect(result.code).not.toBe(0);
      expect(result.stderr).toMatch(
        /unauthorized|authentication required|invalid username\/password|denied/i,
      );
    },
    async 'refuse an unknown authority'(place, client) {
      const result = await client.refused(place, 'seed/app:v1', 'authority');
      expect(result.code).not.toBe(0);
      expect(result.stderr).toMatch(/x509|certificate/i);
    },
  };

  const cells = present.flatMap((client) =>
    registryPairs.flatMap(({ registry, kind }) =>
      operations
        .filter(
          (operation) => concerns(operation, kind) && missing(client, registry, operation) === undefined,
        )
        .map((operation) => ({ client, registry, kind, operation, done: Promise.withResolvers<void>() })),
    ),
  );

  /** Clients that share a store take turns; the others go side by side, as they mostly wait. */
  const stores: ClientName[][] = [['skopeo'], ['podman'], ['buildah'], ['docker', 'silo'], ['dockerd']];

  async function playAll(store: readonly ClientName[]): Promise<void> {
    for (const { client, registry, kind, operation, done } of cells) {
      if (!store.includes(client)) continue;
      done.promise.catch(() => undefined);
      const place = places.get(`${registry} ${kind}`);
      const by = clients.get(client);
      if (!place || !by) throw new Error('that registry or client was not started');
      await play[operation](place, by, client).then(done.resolve, done.reject);
    }
  }

  for (const { client, registry, kind, operation, done } of cells)
    test(`${client} and ${registry} (${registryKinds[kind]}): ${operation}`, () => done.promise, 180_000);
});
