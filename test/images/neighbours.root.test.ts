import { afterAll, beforeAll, describe, expect, test } from 'bun:test';
import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { createInterface } from 'node:readline';
import { gunzipSync } from 'node:zlib';
import { parseReference } from '../../src/foundation/oci/reference.ts';
import { openImages } from './open-images.ts';
import { bigLayer, imageOf, layerOf, layoutOf } from './samples.ts';

const has = (program: string): boolean => spawnSync('sh', ['-c', `command -v ${program}`]).status === 0;
const canRun = process.getuid?.() === 0 && has('docker-registry') && has('skopeo');
if (!canRun) console.log("skipped: needs root, skopeo and Debian's docker-registry");

let folder = '';
let host = '';
let server: ChildProcess | undefined;

async function freePort(): Promise<number> {
  const probe = createServer().listen(0, '127.0.0.1');
  await once(probe, 'listening');
  const address = probe.address();
  probe.close();
  return typeof address === 'object' && address ? address.port : 0;
}

beforeAll(async () => {
  if (!canRun) return;
  folder = mkdtempSync(join(tmpdir(), 'silo-neighbours-'));
  host = `127.0.0.1:${await freePort()}`;
  const config = join(folder, 'config.yml');
  writeFileSync(
    config,
    `version: 0.1\nlog: {level: info}\nstorage: {filesystem: {rootdirectory: ${folder}/registry}}\nhttp: {addr: '${host}'}\n`,
  );
  server = spawn('docker-registry', ['serve', config], { stdio: ['ignore', 'ignore', 'pipe'] });
  if (!server.stderr) throw new Error('no standard error');
  const lines = createInterface({ input: server.stderr });
  for await (const line of lines) if (line.includes('listening on')) break;
  server.stderr.resume();
});
afterAll(async () => {
  if (server) {
    const gone = once(server, 'exit');
    server.kill();
    await gone;
  }
  if (folder) rmSync(folder, { recursive: true });
});

describe.if(canRun)('a registry of another make', () => {
  test('serves what skopeo put there, compressed with gzip and with zstd', async () => {
    for (const compression of ['gzip', 'zstd']) {
      // Uncompressed and new each time, so that skopeo compresses as it is told.
      const layers = [layerOf({ [compression]: 'x' }), bigLayer(), layerOf({ 'etc/motd': compression })];
      const image = imageOf(
        layers.map(({ bytes, diffId }) => ({
          bytes: gunzipSync(bytes),
          diffId,
          mediaType: 'application/vnd.oci.image.layer.v1.tar',
        })),
      );
      const layout = join(folder, compression);
      for (const [path, bytes] of Object.entries(layoutOf(image, 'v1'))) {
        mkdirSync(join(layout, dirname(path)), { recursive: true });
        writeFileSync(join(layout, path), bytes);
      }
      await using open = await openImages();
      const target = `docker://${host}/team/app:${compression}`;
      const copied = spawnSync('skopeo', [
        'copy',
        '-q',
        '--dest-tls-verify=false',
        '--dest-compress-format',
        compression,
        '--format',
        'oci',
        `oci:${layout}:v1`,
        target,
      ]);
      expect(copied.stderr.toString()).toBe('');
      const { image: pulled } = await open.images.pull({
        reference: parseReference(`${host}/team/app:${compression}`),
      });
      const manifest = Buffer.from(await open.content.readSmall(pulled.manifestDigest)).toString();
      expect(manifest).toContain(`tar+${compression}"`);
      const top = pulled.layers[2] && (await open.layers.find(pulled.layers[2]));
      expect(readFileSync(join(top?.path ?? '', 'etc/motd'), 'utf8')).toBe(compression);
    }
  });
});
