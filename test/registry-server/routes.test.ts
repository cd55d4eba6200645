import { afterAll, beforeAll, describe, expect, test } from 'bun:test';
import { randomBytes } from 'node:crypto';
import { parseDigest } from '../../src/foundation/oci/digest.ts';
import { createRegistryClient } from '../../src/resources/distribution/registry-client.ts';
import { createTransport } from '../../src/resources/distribution/transport.ts';
import {
  codeOf,
  digestOf,
  type LocalRegistry,
  makeManifest,
  ociIndex,
  ociManifest,
  pushBlob,
  putManifest,
  startLocalRegistry,
} from './harness.ts';

let local: LocalRegistry;
let url: string;
beforeAll(async () => {
  local = await startLocalRegistry();
  url = local.url;
});
afterAll(() => local[Symbol.asyncDispose]());

const absent = digestOf('nobody pushed this');

async function startUpload(repository: string): Promise<string> {
  const answer = await fetch(`${url}/v2/${repository}/blobs/uploads/`, { method: 'POST' });
  expect(answer.status).toBe(202);
  return `${url}${answer.headers.get('location') ?? ''}`;
}

const patch = (location: string, data: string, range?: string): Promise<Response> =>
  fetch(location, {
    method: 'PATCH',
    body: data,
    headers: range === undefined ? {} : { 'Content-Range': range },
  });

const finish = (location: string, digest: string, data = ''): Promise<Response> =>
  fetch(`${location}?digest=${digest}`, { method: 'PUT', body: data });

describe('uploads', () => {
  test('a blob pushed with POST and PUT is read back with its digest, type and length', async () => {
    const location = await startUpload('up/one');
    const done = await finish(location, digestOf('hello'), 'hello');
    expect([done.status, done.headers.get('location')]).toEqual([
      201,
      `/v2/up/one/blobs/${digestOf('hello')}`,
    ]);
    const back = await fetch(`${url}${done.headers.get('location')}`);
    expect(await back.text()).toBe('hello');
    expect(back.headers.get('docker-content-digest')).toBe(digestOf('hello'));
    expect(back.headers.get('content-type')).toBe('application/octet-stream');
    const head = await fetch(`${url}/v2/up/one/blobs/${digestOf('hello')}`, { method: 'HEAD' });
    expect([head.status, head.headers.get('content-length')]).toEqual([200, '5']);
  });

  test('chunks are appended in order, and their progress is told', async () => {
    const location = await startUpload('up/chunks');
    const first = await patch(location, 'abc', '0-2');
    expect([first.status, first.headers.get('range')]).toEqual([202, '0-2']);
    const status = await fetch(location);
    expect([status.status, status.headers.get('range')]).toEqual([204, '0-2']);
    expect((await patch(location, 'def', '3-5')).headers.get('range')).toBe('0-5');
    expect((await finish(location, digestOf('abcdefghi'), 'ghi')).status).toBe(201);
    expect(await (await fetch(`${url}/v2/up/chunks/blobs/${digestOf('abcdefghi')}`)).text()).toBe(
      'abcdefghi',
    );
  });

  test('a chunk out of order is refused with where the upload is, and changes nothing', async () => {
    const location = await startUpload('up/order');
    await patch(location, 'abc', '0-2');
    for (const range of ['4-6', '0-2', '2-4']) {
      const refused = await patch(location, 'xyz', range);
      expect(refused.headers.get('range')).toBe('0-2');
      expect(refused.headers.get('location')).not.toBeNull();
      expect(await codeOf(refused)).toBe('416 BLOB_UPLOAD_INVALID');
    }
    expect(await codeOf(await patch(location, 'xyz', 'nonsense'))).toBe('416 BLOB_UPLOAD_INVALID');
    expect(await codeOf(await patch(location, 'xyz', '3-9'))).toBe('400 SIZE_INVALID');
    expect((await finish(location, digestOf('abcdef'), 'def')).status).toBe(201);
  });

  test('a wrong digest is refused and ends the upload', async () => {
    const location = await startUpload('up/wrong');
    expect(await codeOf(await finish(location, absent, 'hello'))).toBe('400 DIGEST_INVALID');
    expect(await codeOf(await fetch(location))).toBe('404 BLOB_UPLOAD_UNKNOWN');
    expect(await codeOf(await fetch(`${url}/v2/up/wrong/blobs/${absent}`))).toBe('404 BLOB_UNKNOWN');
  });

  test('a digest that is none is refused and keeps the upload', async () => {
    const location = await startUpload('up/kept');
    await patch(location, 'abc');
    for (const digest of ['', 'sha256:xyz', 'md5:0123', `sha256:${'A'.repeat(64)}`])
      expect(await codeOf(await finish(location, digest))).toBe('400 DIGEST_INVALID');
    expect((await finish(location, digestOf('abc'))).status).toBe(201);
  });

  test('one request pushes a whole blob; a wrong one leaves no upload', async () => {
    const { digest } = await pushBlob(url, 'up/mono', 'whole');
    expect(await (await fetch(`${url}/v2/up/mono/blobs/${digest}`)).text()).toBe('whole');
    const wrong = await fetch(`${url}/v2/up/mono/blobs/uploads/?digest=${absent}`, {
      method: 'POST',
      body: 'x',
    });
    expect(await codeOf(wrong)).toBe('400 DIGEST_INVALID');
  });

  test('sha512 and empty blobs are blobs', async () => {
    for (const [data, algorithm] of [
      ['long digest', 'sha512'],
      ['', 'sha256'],
      ['', 'sha512'],
    ] as const) {
      const digest = digestOf(data, algorithm);
      const location = await startUpload('up/kinds');
      expect((await finish(location, digest, data)).status).toBe(201);
      const mono = await fetch(`${url}/v2/up/mono2/blobs/uploads/?digest=${digest}`, {
        method: 'POST',
        body: data,
      });
      expect(mono.status).toBe(201);
      for (const repository of ['up/kinds', 'up/mono2'])
        expect(await (await fetch(`${url}/v2/${repository}/blobs/${digest}`)).text()).toBe(data);
    }
  });

  test('a canceled upload is gone, and an upload belongs to its repository', async () => {
    const location = await startUpload('up/cancel');
    const elsewhere = location.replace('/up/cancel/', '/up/other/');
    expect(await codeOf(await patch(elsewhere, 'abc'))).toBe('404 BLOB_UPLOAD_UNKNOWN');
    expect((await fetch(location, { method: 'DELETE' })).status).toBe(204);
    expect(await codeOf(await patch(location, 'abc'))).toBe('404 BLOB_UPLOAD_UNKNOWN');
    expect(await codeOf(await fetch(location, { method: 'DELETE' }))).toBe('404 BLOB_UPLOAD_UNKNOWN');
    for (const id of ['..', '../../index.json', '%2e%2e%2flock', 'x'.repeat(300), 'a b'])
      expect((await fetch(`${url}/v2/up/cancel/blobs/uploads/${encodeURIComponent(id)}`)).status).toBeOneOf([
        404,
      ]);
  });

  test('a request that takes an upload over ends the one that waits for its client', async () => {
    const location = await startUpload('up/takeover');
    const { readable, writable } = new TransformStream<Uint8Array, Uint8Array>();
    const writer = writable.getWriter();
    const slow = fetch(location, { method: 'PATCH', body: readable }).then(
      (answer) => answer.status,
      () => 'cut',
    );
    await writer.write(Buffer.from('abc'));
    // Until the first chunk has arrived, a takeover sees nothing of it.
    let range: string | null = null;
    while (range !== '0-2') range = (await fetch(location)).headers.get('range');
    expect((await finish(location, digestOf('abcdef'), 'def')).status).toBe(201);
    expect(await slow).toBeOneOf(['cut', 404]);
    writer.abort().catch(() => undefined);
  });
});

describe('mount', () => {
  test('a blob of another repository is mounted without an upload', async () => {
    const { digest } = await pushBlob(url, 'mount/from', 'shared bytes');
    const mounted = await fetch(`${url}/v2/mount/to/blobs/uploads/?mount=${digest}&from=mount/from`, {
      method: 'POST',
    });
    expect([mounted.status, mounted.headers.get('location')]).toEqual([201, `/v2/mount/to/blobs/${digest}`]);
    expect(await (await fetch(`${url}/v2/mount/to/blobs/${digest}`)).text()).toBe('shared bytes');
  });

  test('what is not there, or not said where, becomes an upload', async () => {
    for (const query of [`mount=${absent}&from=mount/from`, `mount=${absent}`, `mount=${absent}&from=../x`]) {
      const answer = await fetch(`${url}/v2/mount/to/blobs/uploads/?${query}`, { method: 'POST' });
      expect([answer.status, answer.headers.get('location')?.includes('/uploads/')]).toEqual([202, true]);
    }
  });
});

describe('reading blobs', () => {
  const bytes = randomBytes(3_000_000);
  let blob: string;
  beforeAll(async () => {
    blob = `${url}/v2/read/it/blobs/${(await pushBlob(url, 'read/it', bytes)).digest}`;
  });
  const get = (headers: Record<string, string>): Promise<Response> => fetch(blob, { headers });

  test('large ones come whole', async () => {
    expect(digestOf(await (await get({})).bytes())).toBe(digestOf(bytes));
  });

  test.each([
    ['bytes=0-9', 0, 10],
    ['bytes=2999990-', 2_999_990, 3_000_000],
    ['bytes=-5', 2_999_995, 3_000_000],
    ['bytes=2999999-4000000', 2_999_999, 3_000_000],
    ['bytes=600000-2000000', 600_000, 2_000_001],
  ])('the range %s is sent alone', async (range, start, end) => {
    const answer = await get({ Range: range });
    expect(answer.status).toBe(206);
    expect(answer.headers.get('content-range')).toBe(`bytes ${start}-${end - 1}/3000000`);
    expect(Buffer.from(await answer.bytes()).equals(bytes.subarray(start, end))).toBe(true);
  });

  test('a range behind the end is 416, one that is none is ignored', async () => {
    const behind = await get({ Range: 'bytes=3000000-' });
    expect([behind.status, behind.headers.get('content-range')]).toEqual([416, 'bytes */3000000']);
    for (const range of ['bytes=a-b', 'lines=1-2', 'bytes=5-2', 'bytes=0-1,4-5', 'bytes=-'])
      expect((await get({ Range: range })).status).toBe(200);
  });

  test('whoever has it is told so', async () => {
    const tag = (await fetch(blob, { method: 'HEAD' })).headers.get('etag') ?? '';
    expect((await get({ 'If-None-Match': tag })).status).toBe(304);
    expect((await get({ 'If-None-Match': '"other"' })).status).toBe(200);
    expect((await get({ Range: 'bytes=0-1', 'If-Range': tag })).status).toBe(206);
    expect((await get({ Range: 'bytes=0-1', 'If-Range': '"other"' })).status).toBe(200);
  });
});

describe('manifests', () => {
  test('are kept word by word, by tag and by digest, with their type', async () => {
    const document = ` ${await makeManifest(url, 'man/plain')}\n`;
    const put = await putManifest(url, { repository: 'man/plain', reference: 'v1' }, document);
    expect([put.status, put.headers.get('docker-content-digest')]).toEqual([201, digestOf(document)]);
    for (const reference of ['v1', digestOf(document)]) {
      const got = await fetch(`${url}/v2/man/plain/manifests/${reference}`);
      expect([await got.text(), got.headers.get('content-type')]).toEqual([document, ociManifest]);
      const head = await fetch(`${url}/v2/man/plain/manifests/${reference}`, { method: 'HEAD' });
      expect([
        head.status,
        head.headers.get('content-length'),
        head.headers.get('docker-content-digest'),
      ]).toEqual([200, String(document.length), digestOf(document)]);
      const again = await fetch(`${url}/v2/man/plain/manifests/${reference}`, {
        headers: { 'If-None-Match': head.headers.get('etag') ?? '' },
      });
      expect(again.status).toBe(304);
    }
  });

  test('of Docker keep their types', async () => {
    const type = 'application/vnd.docker.distribution.manifest.v2+json';
    const document = await makeManifest(url, 'man/docker', { mediaType: type });
    expect(
      (await putManifest(url, { repository: 'man/docker', reference: 'v1' }, document, type)).status,
    ).toBe(201);
    expect((await fetch(`${url}/v2/man/docker/manifests/v1`)).headers.get('content-type')).toBe(type);
  });

  test('by sha512 are checked by it', async () => {
    const document = await makeManifest(url, 'man/long');
    const reference = digestOf(document, 'sha512');
    expect((await putManifest(url, { repository: 'man/long', reference }, document)).status).toBe(201);
    expect(await (await fetch(`${url}/v2/man/long/manifests/${reference}`)).text()).toBe(document);
  });

  test('that refer to what is not there are refused', async () => {
    const config = await pushBlob(url, 'man/missing', '{}');
    const layers = [{ mediaType: 'a/b', digest: absent, size: 5 }];
    const document = JSON.stringify({ schemaVersion: 2, config, layers });
    const put = (text: string, type?: string): Promise<Response> =>
      putManifest(url, { repository: 'man/missing', reference: 'v1' }, text, type);
    expect(await codeOf(await put(document))).toBe('404 MANIFEST_BLOB_UNKNOWN');
    const index = { schemaVersion: 2, manifests: [{ mediaType: ociManifest, digest: absent, size: 5 }] };
    expect(await codeOf(await put(JSON.stringify(index), ociIndex))).toBe('404 MANIFEST_BLOB_UNKNOWN');
    const wrongSize = JSON.stringify({ schemaVersion: 2, config: { ...config, size: 3 }, layers: [] });
    expect(await codeOf(await put(wrongSize))).toBe('400 MANIFEST_INVALID');
    const foreign = JSON.stringify({
      schemaVersion: 2,
      config,
      layers: [{ ...layers[0], urls: ['https://x/y'] }],
    });
    expect((await put(foreign)).status).toBe(201);
  });

  test('that are none are refused', async () => {
    const valid = await makeManifest(url, 'man/bad');
    const bad = [
      '',
      'not json',
      '[]',
      '{}',
      '{"schemaVersion":1}',
      JSON.stringify({ ...JSON.parse(valid), manifests: [] }),
      JSON.stringify({ ...JSON.parse(valid), config: undefined }),
      JSON.stringify({ ...JSON.parse(valid), mediaType: ociIndex }),
      JSON.stringify({ ...JSON.parse(valid), layers: [{ mediaType: 'a/b', digest: '../../x', size: 1 }] }),
    ];
    for (const document of bad)
      expect(await codeOf(await putManifest(url, { repository: 'man/bad', reference: 'v1' }, document))).toBe(
        '400 MANIFEST_INVALID',
      );
    const odd = await putManifest(url, { repository: 'man/bad', reference: 'v1' }, valid, 'text/html');
    expect(await codeOf(odd)).toBe('400 MANIFEST_INVALID');
    const other = await putManifest(url, { repository: 'man/bad', reference: absent }, valid);
    expect(await codeOf(other)).toBe('400 DIGEST_INVALID');
    const large = await putManifest(
      url,
      { repository: 'man/bad', reference: 'v1' },
      `${valid}${' '.repeat(4 * 1024 * 1024)}`,
    );
    expect(await codeOf(large)).toBe('413 MANIFEST_INVALID');
    expect((await fetch(`${url}/v2/man/bad/manifests/v1`)).status).toBe(404);
  });

  test('a tag is deleted alone, a digest with all its tags', async () => {
    const document = await makeManifest(url, 'man/del');
    for (const reference of ['a', 'b', 'c'])
      await putManifest(url, { repository: 'man/del', reference }, document);
    const remove = (reference: string): Promise<Response> =>
      fetch(`${url}/v2/man/del/manifests/${reference}`, { method: 'DELETE' });
    expect((await remove('a')).status).toBe(202);
    expect(await codeOf(await remove('a'))).toBe('404 MANIFEST_UNKNOWN');
    expect(await (await fetch(`${url}/v2/man/del/tags/list`)).json()).toEqual({
      name: 'man/del',
      tags: ['b', 'c'],
    });
    expect((await fetch(`${url}/v2/man/del/manifests/${digestOf(document)}`)).status).toBe(200);
    expect((await remove(digestOf(document))).status).toBe(202);
    expect(await (await fetch(`${url}/v2/man/del/tags/list`)).json()).toEqual({ name: 'man/del', tags: [] });
    expect(await codeOf(await fetch(`${url}/v2/man/del/manifests/b`))).toBe('404 MANIFEST_UNKNOWN');
  });

  test('a blob in use is not deleted, another one is', async () => {
    const document = await makeManifest(url, 'man/use', { layer: 'used' });
    await putManifest(url, { repository: 'man/use', reference: 'v1' }, document);
    const { digest: free } = await pushBlob(url, 'man/use', 'free');
    const remove = (digest: string): Promise<Response> =>
      fetch(`${url}/v2/man/use/blobs/${digest}`, { method: 'DELETE' });
    expect(await codeOf(await remove(digestOf('used')))).toBe('405 UNSUPPORTED');
    expect((await remove(free)).status).toBe(202);
    expect(await codeOf(await remove(free))).toBe('404 BLOB_UNKNOWN');
    expect(await codeOf(await fetch(`${url}/v2/man/use/blobs/${free}`))).toBe('404 BLOB_UNKNOWN');
  });
});

describe('lists', () => {
  test('tags come in pages, in lexical order', async () => {
    const document = await makeManifest(url, 'list/tags');
    for (const reference of ['b', 'A', 'c', '_x', 'a', '10', '9'])
      await putManifest(url, { repository: 'list/tags', reference }, document);
    const found: string[] = [];
    let next: string | undefined = '/v2/list/tags/tags/list?n=3';
    while (next !== undefined) {
      const answer: Response = await fetch(`${url}${next}`);
      found.push(...((await answer.json()) as { tags: string[] }).tags);
      next = /^<([^>]*)>; rel="next"$/.exec(answer.headers.get('link') ?? '')?.[1];
    }
    expect(found).toEqual(['10', '9', 'A', '_x', 'a', 'b', 'c']);
    const after = await fetch(`${url}/v2/list/tags/tags/list?last=_y&n=1`);
    expect(await after.json()).toEqual({ name: 'list/tags', tags: ['a'] });
    expect(await codeOf(await fetch(`${url}/v2/list/tags/tags/list?n=-1`))).toBe(
      '400 PAGINATION_NUMBER_INVALID',
    );
    expect(await (await fetch(`${url}/v2/list/tags/tags/list?n=0`)).json()).toMatchObject({ tags: [] });
  });

  test('the catalog holds every repository that has a manifest, nested ones and those named as parts of a layout', async () => {
    const names = ['cat', 'cat/blobs', 'cat/blobs/sha256', 'cat/index.json', 'cat-x', 'cat/oci-layout'];
    for (const name of names)
      expect(
        (await putManifest(url, { repository: name, reference: 'v1' }, await makeManifest(url, name))).status,
      ).toBe(201);
    const all = (await (await fetch(`${url}/v2/_catalog`)).json()) as { repositories: string[] };
    expect(all.repositories.filter((name) => name.startsWith('cat'))).toEqual(names.toSorted());
    const page = await fetch(`${url}/v2/_catalog?n=2&last=cas`);
    expect(await page.json()).toEqual({ repositories: ['cat', 'cat-x'] });
    expect(page.headers.get('link')).toBe('</v2/_catalog?last=cat-x&n=2>; rel="next"');
    const search = await fetch(`${url}/v1/search?q=Cat&n=2`);
    expect(await search.json()).toMatchObject({ query: 'Cat', num_results: 2 });
    expect((await fetch(`${url}/v1/search?q=${'x'.repeat(300)}`)).status).toBe(400);
  });

  test('referrers are listed by their subject, also one that is not there yet, and filtered by type', async () => {
    const repository = 'list/ref';
    const subject = { mediaType: ociManifest, digest: absent, size: 7 };
    const empty = await fetch(`${url}/v2/${repository}/referrers/${absent}`);
    expect([empty.status, await empty.json()]).toMatchObject([200, { manifests: [] }]);
    const signature = await makeManifest(url, repository, {
      subject,
      artifactType: 'a/signature',
      annotations: { k: 'v' },
    });
    const plain = await makeManifest(url, repository, { subject, layer: 'other' });
    for (const document of [signature, plain]) {
      const put = await putManifest(url, { repository, reference: digestOf(document) }, document);
      expect([put.status, put.headers.get('oci-subject')]).toEqual([201, absent]);
    }
    const all = await fetch(`${url}/v2/${repository}/referrers/${absent}`);
    expect(all.headers.get('content-type')).toBe(ociIndex);
    const entries = [
      {
        mediaType: ociManifest,
        digest: digestOf(signature),
        size: signature.length,
        artifactType: 'a/signature',
        annotations: { k: 'v' },
      },
      {
        mediaType: ociManifest,
        digest: digestOf(plain),
        size: plain.length,
        artifactType: 'application/octet-stream',
      },
    ].toSorted((a, b) => (a.digest < b.digest ? -1 : 1));
    expect(await all.json()).toEqual({ schemaVersion: 2, mediaType: ociIndex, manifests: entries });
    const some = await fetch(`${url}/v2/${repository}/referrers/${absent}?artifactType=a/signature`);
    expect(some.headers.get('oci-filters-applied')).toBe('artifactType');
    expect(((await some.json()) as { manifests: unknown[] }).manifests).toHaveLength(1);
    expect(await codeOf(await fetch(`${url}/v2/${repository}/referrers/nonsense`))).toBe(
      '400 DIGEST_INVALID',
    );
    await fetch(`${url}/v2/${repository}/manifests/${digestOf(signature)}`, { method: 'DELETE' });
    const left = await fetch(`${url}/v2/${repository}/referrers/${absent}`);
    expect(((await left.json()) as { manifests: unknown[] }).manifests).toHaveLength(1);
  });
});

test('referrers come in pages, which a client of ours puts together', async () => {
  const repository = 'list/many';
  const subject = { mediaType: ociManifest, digest: absent, size: 7 };
  // Together more than one answer may hold.
  const note = 'x'.repeat(900_000);
  for (const artifactType of ['a/one', 'a/two', 'a/one', 'a/one']) {
    const annotations = { note, seed: String(Math.random()) };
    const document = await makeManifest(url, repository, { subject, artifactType, annotations });
    expect((await putManifest(url, { repository, reference: digestOf(document) }, document)).status).toBe(
      201,
    );
  }
  const page = async (query: string) => {
    const answer = await fetch(`${url}/v2/${repository}/referrers/${absent}${query}`);
    const { manifests } = (await answer.json()) as { manifests: { digest: string }[] };
    return { digests: manifests.map(({ digest }) => digest), link: answer.headers.get('link') };
  };
  const first = await page('?artifactType=a/one&n=2');
  expect(first.digests).toHaveLength(2);
  const next = /^<([^>]*)>; rel="next"$/.exec(first.link ?? '')?.[1] ?? '';
  const second = await page(next.slice(next.indexOf('?')));
  expect([second.digests.length, second.link]).toEqual([1, null]);
  const whole = await page('');
  expect(whole.digests.length).toBeLessThan(4);
  expect(whole.link).toContain('rel="next"');
  using transport = createTransport();
  const client = createRegistryClient({ transport, access: { insecure: [] } });
  const [host = ''] = url.replace('http://', '').split('/');
  const listed = await client.referrers({ host, path: repository }, parseDigest(absent));
  expect(listed.map(({ digest }) => digest as string)).toEqual(
    listed.map(({ digest }) => digest as string).toSorted(),
  );
  expect(listed).toHaveLength(4);
});

describe('names', () => {
  test('the version is answered', async () => {
    const answer = await fetch(`${url}/v2/`);
    expect([answer.status, answer.headers.get('docker-distribution-api-version')]).toEqual([
      200,
      'registry/2.0',
    ]);
  });

  test.each(['UPPER', 'a//b', '-a', 'a-', 'a..b', '.a', 'a/../b', 'ä', 'a b', 'a'.repeat(256), 'a/_b'])(
    'the repository %s is refused',
    async (name) => {
      // By hand: fetch would tidy the path.
      const path = `/v2/${name.split('/').map(encodeURIComponent).join('%2F')}/tags/list`;
      expect(await codeOf(await fetch(`${url}${path}`))).toBe('400 NAME_INVALID');
    },
  );

  test('tags of 128 characters are kept, longer and odd ones refused', async () => {
    const document = await makeManifest(url, 'names/tags');
    const put = (reference: string): Promise<Response> =>
      putManifest(url, { repository: 'names/tags', reference: encodeURIComponent(reference) }, document);
    expect((await put('t'.repeat(128))).status).toBe(201);
    for (const tag of ['t'.repeat(129), '.hidden', '-x', 'a b', 'ä'])
      expect(await codeOf(await put(tag))).toBe('400 TAG_INVALID');
    expect(await codeOf(await fetch(`${url}/v2/names/tags/manifests/.INVALID`))).toBe('404 MANIFEST_UNKNOWN');
    expect(await codeOf(await put('sha256:short'))).toBe('400 DIGEST_INVALID');
  });

  test('what is not there says so', async () => {
    expect(await codeOf(await fetch(`${url}/v2/no/where/tags/list`))).toBe('404 NAME_UNKNOWN');
    expect(await codeOf(await fetch(`${url}/v2/no/where/manifests/x`))).toBe('404 NAME_UNKNOWN');
    expect((await fetch(`${url}/v2/nowhere`)).status).toBe(404);
    expect((await fetch(`${url}/`)).status).toBe(404);
    const method = await fetch(`${url}/v2/no/where/tags/list`, { method: 'POST' });
    expect([await codeOf(method), method.headers.get('allow')]).toEqual(['405 UNSUPPORTED', 'GET']);
  });
});
