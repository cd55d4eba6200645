import { expect, test } from 'bun:test';
import { randomBytes } from 'node:crypto';
import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { run } from '../e2e/run.ts';
import { digestOf, makeManifest, pushBlob, putManifest, startLocalRegistry } from './harness.ts';

const isRoot = process.getuid?.() === 0;
if (!isRoot) console.log('skipped: a registry on a full disk: a small tmpfs needs root');

test.skipIf(!isRoot)(
  'a push on a full disk fails with 507, gives its space back, and smaller ones go on',
  async () => {
    await using undo = new AsyncDisposableStack();
    const disk = await mkdtemp(join(tmpdir(), 'silo-registry-disk-'));
    undo.defer(() => rm(disk, { recursive: true, force: true }));
    const mounted = await run(['mount', '-t', 'tmpfs', '-o', 'size=12m', 'silo-registry', disk]);
    expect(mounted.stderr).toBe('');
    undo.defer(() => run(['umount', '-l', disk]).then(() => undefined));
    const { url } = undo.use(await startLocalRegistry({ root: disk }));
    const large = randomBytes(20_000_000);
    const refused = await fetch(`${url}/v2/full/disk/blobs/uploads/?digest=${digestOf(large)}`, {
      method: 'POST',
      body: large,
    });
    expect(refused.status).toBe(507);
    expect(await readdir(join(disk, '.silo/uploads'))).toEqual([]);
    const started = await fetch(`${url}/v2/full/disk/blobs/uploads/`, { method: 'POST' });
    const location = `${url}${started.headers.get('location') ?? ''}`;
    expect((await fetch(location, { method: 'PATCH', body: large })).status).toBe(507);
    expect((await fetch(location)).status).toBe(404);
    const document = await makeManifest(url, 'full/disk', {
      layer: randomBytes(1_000_000).toString('latin1'),
    });
    expect((await putManifest(url, { repository: 'full/disk', reference: '1' }, document)).status).toBe(201);
    // To the last byte: a manifest does not fit either, and what there was stays.
    await run(['dd', 'if=/dev/zero', `of=${join(disk, 'fill')}`, 'bs=1k']);
    const another = document.replace('{', `{"annotations":{"k":"${'v'.repeat(10_000)}"},`);
    expect((await putManifest(url, { repository: 'full/disk', reference: '2' }, another)).status).toBe(507);
    expect((await fetch(`${url}/v2/full/disk/manifests/2`)).status).toBe(404);
    await rm(join(disk, 'fill'));
    expect(await (await fetch(`${url}/v2/full/disk/manifests/1`)).text()).toBe(document);
    expect((await putManifest(url, { repository: 'full/disk', reference: '2' }, another)).status).toBe(201);
    expect(await pushBlob(url, 'full/disk', 'after')).toMatchObject({ size: 5 });
  },
);
