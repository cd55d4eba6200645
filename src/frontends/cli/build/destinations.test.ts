import { afterAll, beforeAll, expect, test } from 'bun:test';
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { PassThrough } from 'node:stream';
import { archive, member } from '../../../foundation/archive/tar-fixtures.ts';
import { offerDestinations, readDestinations } from './destinations.ts';

let cwd: string;
beforeAll(() => {
  cwd = mkdtempSync(join(tmpdir(), 'silo-destinations-'));
});
afterAll(() => rmSync(cwd, { recursive: true, force: true }));

const options = (more: Partial<Parameters<typeof readDestinations>[0]>) => ({
  output: [],
  push: false,
  load: false,
  attest: [],
  provenance: '',
  sbom: '',
  'cache-to': [],
  'cache-from': [],
  ...more,
});
const failure = (work: Promise<unknown> | undefined): Promise<string> =>
  (work ?? Promise.resolve()).then(String, (error: Error) => error.message);
const pieces = async function* (bytes: Buffer): AsyncGenerator<Uint8Array> {
  yield bytes;
};

test('nothing of an output reaches what is outside of its folder, by name or by link', async () => {
  const destinations = readDestinations(options({ output: ['out'] }));
  const { output } = offerDestinations(destinations, { cwd, stdout: new PassThrough() });
  const hostile = [
    archive(member({ name: '../up', content: 'x' })),
    archive(member({ type: 'symlink', name: 'l', linkName: '..' }), member({ name: 'l/up', content: 'x' })),
    archive(member({ type: 'symlink', name: 'm', linkName: cwd }), member({ name: 'm/up', content: 'x' })),
    archive(member({ name: '/up', content: 'inside' })),
  ];
  for (const tar of hostile) await output?.(0, pieces(tar)).catch(() => undefined);
  expect(readdirSync(cwd)).toEqual(['out']);
  expect(existsSync(join(cwd, 'up'))).toBe(false);
  expect(await failure(output?.(1, pieces(archive())))).toContain('goes nowhere');
});

test('of the folder of a cache only its own files are given', async () => {
  const destinations = readDestinations(options({ 'cache-from': ['type=local,src=cache', 'reg.example/c'] }));
  expect([...destinations.caches]).toEqual([[0, 'cache']]);
  mkdirSync(join(cwd, 'cache'));
  writeFileSync(join(cwd, 'cache/index.json'), '{}');
  writeFileSync(join(cwd, 'secret'), 'x');
  const { cache } = offerDestinations(destinations, { cwd, stdout: new PassThrough() });
  let text = '';
  for await (const piece of (await cache?.(0, 'index.json')) ?? []) text += Buffer.from(piece).toString();
  expect(text).toBe(readFileSync(join(cwd, 'cache/index.json'), 'utf8'));
  for (const path of ['../secret', 'blobs/sha256/../../../secret', '/etc/passwd', 'secret', 'oci-layout'])
    expect(await failure(cache?.(0, path))).toContain('no such file');
  expect(await failure(cache?.(1, 'index.json'))).toContain('no such file');
});

test('a cache of an engine brings no links, and none is followed when it is read again', async () => {
  const destinations = readDestinations(
    options({ 'cache-to': ['type=local,dest=links'], 'cache-from': ['type=local,src=links'] }),
  );
  const { output, cache } = offerDestinations(destinations, { cwd, stdout: new PassThrough() });
  const hex = 'a'.repeat(64);
  const victims = join(cwd, 'victims');
  mkdirSync(victims);
  writeFileSync(join(victims, hex), 'secret');
  const link = (name: string, linkName: string) => member({ type: 'symlink', name, linkName });
  const layout = member({ name: 'oci-layout', content: '{}' });
  const index = member({ name: 'index.json', content: '{}' });
  const folders = [member({ type: 'directory', name: 'blobs' })];
  const blobs = [...folders, member({ type: 'directory', name: 'blobs/sha256' })];
  const hostile = [
    archive(layout, link('index.json', join(victims, hex)), ...blobs),
    archive(link('oci-layout', join(victims, hex)), index, ...blobs),
    archive(layout, index, ...folders, link('blobs/sha256', victims)),
    archive(layout, index, link('blobs', victims)),
  ];
  for (const tar of hostile) expect(await failure(output?.(0, pieces(tar)))).toContain('of the cache is not');
  await output?.(
    0,
    pieces(archive(layout, index, ...blobs, link(`blobs/sha256/${hex}`, join(victims, hex)))),
  );
  expect(readdirSync(join(cwd, 'links/blobs/sha256'))).toEqual([]);
  symlinkSync(join(victims, hex), join(cwd, `links/blobs/sha256/${hex}`));
  expect(await failure(cache?.(0, `blobs/sha256/${hex}`))).toContain('no such file');
  rmSync(join(cwd, 'links/blobs'), { recursive: true });
  mkdirSync(join(cwd, 'links/blobs'));
  symlinkSync(victims, join(cwd, 'links/blobs/sha256'));
  expect(await failure(cache?.(0, `blobs/sha256/${hex}`))).toContain('no such file');
  expect(await failure(output?.(0, pieces(archive(layout, index, ...blobs))))).toContain(
    'is not a directory',
  );
  expect(readdirSync(victims)).toEqual([hex]);
});
