import { expect, test } from 'bun:test';
import { createHash } from 'node:crypto';
import { Readable } from 'node:stream';
import type { Caller } from '../../../engine/registry/access/gate.ts';
import type { Registry } from '../../../engine/registry/registry.ts';
import { notFound } from '../../../foundation/base/errors.ts';
import { type Digest, sha256 } from '../../../foundation/oci/digest.ts';
import { parseRepositoryName } from '../../../foundation/oci/repository-name.ts';
import { markup } from './markup.ts';
import { pageHeaders } from './layout.ts';
import { createWebPage } from './page.ts';

const oci = 'application/vnd.oci.image';

/** A registry in memory: what the page needs of the contract. */
function fakeRegistry(content: Record<string, Record<string, object>>, blobs: (object | string)[] = []) {
  const stored = new Map(
    blobs.map((blob) => {
      const bytes = Buffer.from(typeof blob === 'string' ? blob : JSON.stringify(blob));
      return [sha256(bytes), bytes] as const;
    }),
  );
  const page = <T extends string>(all: T[], { limit = 1000, after = '' } = {}) => {
    const items = all.toSorted().filter((each) => each > after);
    return { items: items.slice(0, limit), more: items.length > limit };
  };
  const documentOf = (document: object) => {
    const bytes = Buffer.from(JSON.stringify(document));
    const mediaType = 'mediaType' in document ? String(document.mediaType) : '';
    return { bytes, digest: sha256(bytes), mediaType, sizeBytes: bytes.length };
  };
  const registry: Pick<Registry, 'lists' | 'upkeep'> & {
    manifests: Pick<Registry['manifests'], 'info' | 'get'>;
    blobs: Pick<Registry['blobs'], 'open'>;
  } = {
    lists: {
      repositories: async (at) => page(Object.keys(content).map(parseRepositoryName), at),
      tags: async (repository, at) => page(Object.keys(content[repository] ?? {}), at),
      referrers: async () => ({ items: [], more: false }),
    },
    upkeep: {
      usage: async () => ({ blobs: 2, sizeBytes: 1_234_567 }),
      collectGarbage: async () => ({ manifests: 0, blobs: 0, freedBytes: 0 }),
    },
    manifests: {
      async get(repository, reference) {
        const tags = content[repository] ?? {};
        const found =
          reference.kind === 'tag'
            ? tags[reference.tag]
            : Object.values(tags).find((each) => documentOf(each).digest === reference.digest);
        if (!found) throw notFound('manifest unknown', { code: 'manifest-unknown' });
        return documentOf(found);
      },
      info: (repository, reference) => registry.manifests.get(repository, reference),
    },
    blobs: {
      async open(_, digest: Digest) {
        const bytes = stored.get(digest);
        if (!bytes) throw notFound('blob unknown', { code: 'blob-unknown' });
        const read = (start: number, end: number) => Readable.from([bytes.subarray(start, end)]);
        return {
          digest,
          sizeBytes: bytes.length,
          changedMs: 0,
          content: { kind: 'stream', read },
          [Symbol.asyncDispose]: async () => undefined,
        };
      },
    },
  };
  return registry as Registry;
}

const ali: Caller = { kind: 'user', name: 'ali' };

async function show(
  registry: Registry,
  query: string,
  { caller = ali, visible = () => true }: { caller?: Caller; visible?: (name: string) => boolean } = {},
) {
  const page = createWebPage({ registry, readableBy: async () => visible, canLogIn: true });
  const answer = await page.render({ query: new URLSearchParams(query), caller, host: 'reg.example:5000' });
  return answer.kind === 'page' ? answer : { status: 401, text: '' };
}

const pointer = (value: object | string, mediaType: string) => {
  const bytes = Buffer.from(typeof value === 'string' ? value : JSON.stringify(value));
  return { mediaType, digest: sha256(bytes), size: bytes.length };
};
const config = {
  os: 'linux',
  architecture: 'amd64',
  created: '2026-01-02T03:04:05Z',
  config: { Cmd: ['/bin/<b>sh</b>'], Labels: { '<script>': 'alert(1)' } },
  rootfs: { type: 'layers', diff_ids: [`sha256:${'a'.repeat(64)}`] },
  history: [{ created_by: 'RUN echo "<img src=x onerror=alert(1)>"' }],
};
const manifest = {
  schemaVersion: 2,
  mediaType: `${oci}.manifest.v1+json`,
  config: pointer(config, `${oci}.config.v1+json`),
  layers: [pointer('layer', `${oci}.layer.v1.tar+gzip`)],
  annotations: { title: '"><script>alert(2)</script>\u202e' },
};

test('repositories, tags and what a tag holds are shown', async () => {
  const registry = fakeRegistry({ 'team/app': { v1: manifest }, tools: { a: manifest, b: manifest } }, [
    config,
  ]);
  const home = await show(registry, '');
  expect(home.text).toContain('<a href="/?repository=team%2Fapp">team/app</a>');
  const tags = await show(registry, 'repository=tools');
  expect(tags.text).toContain('<a href="/?repository=tools&amp;reference=b">b</a>');
  expect(tags.text).toContain('1.23 MB');
  const shown = (await show(registry, 'repository=team/app&reference=v1')).text;
  for (const words of [
    'docker pull reg.example:5000/team/app:v1',
    'silo pull reg.example:5000/team/app:v1',
    manifest.layers[0]?.digest ?? '',
    'linux/amd64',
    '2026-01-02T03:04:05Z',
  ])
    expect(shown).toContain(words);
});

test('platforms of an index lead to their manifests', async () => {
  const digest = sha256(JSON.stringify(manifest));
  const entry = {
    ...pointer(manifest, manifest.mediaType),
    platform: { os: 'linux', architecture: 'arm64', variant: 'v8' },
  };
  const index = { schemaVersion: 2, mediaType: `${oci}.index.v1+json`, manifests: [entry] };
  const registry = fakeRegistry({ app: { v1: index, arm: manifest } }, [config]);
  const { text } = await show(registry, 'repository=app&reference=v1');
  expect(text).toContain(
    `<a href="/?repository=app&amp;reference=${encodeURIComponent(digest)}">linux/arm64/v8</a>`,
  );
  expect((await show(registry, `repository=app&reference=${digest}`)).status).toBe(200);
});

test('what images say of themselves never becomes markup', async () => {
  const registry = fakeRegistry({ app: { v1: manifest } }, [config]);
  const { text } = await show(registry, 'repository=app&reference=v1');
  expect(text).toContain('&lt;script&gt;');
  expect(text).not.toMatch(/<(script|img|b)\b/);
  expect(text).not.toContain('\u202e');
});

test.each([
  'repository=../etc',
  'repository=App',
  'repository=%3Cscript%3E',
  'repository=app&reference=%3Cscript%3Ealert(1)',
  'repository=app&reference=../v1',
  `repository=app&reference=${'x'.repeat(129)}`,
  'repository=app&reference=missing',
  `repository=app&reference=sha256:${'0'.repeat(64)}`,
  'repository=',
])('?%s is a plain "not found" that repeats nothing', async (query) => {
  const { status, text } = await show(fakeRegistry({ app: { v1: manifest } }), query);
  expect(status).toBe(404);
  expect(text).not.toMatch(/<script|xxx|\.\./);
});

test('documents that are no manifests are told, not fatal', async () => {
  const odd = { mediaType: `${oci}.manifest.v1+json`, schemaVersion: 2, layers: 'no' };
  const registry = fakeRegistry({ app: { odd, gone: manifest } });
  expect((await show(registry, 'repository=app&reference=odd')).text).toContain('cannot be shown');
  expect((await show(registry, 'repository=app&reference=gone')).text).toContain(
    'configuration cannot be shown',
  );
});

test('10,000 tags come in pages that lead through all of them', async () => {
  const tags = Object.fromEntries(Array.from({ length: 10_000 }, (_, index) => [`t${index}`, manifest]));
  const registry = fakeRegistry({ app: tags });
  const seen = new Set<string>();
  let pages = 0;
  for (let query: string | undefined = 'repository=app'; query !== undefined && pages < 200; pages++) {
    const { text } = await show(registry, query);
    for (const [, tag = ''] of text.matchAll(/reference=(t\d+)"/g)) seen.add(tag);
    query = /<a href="\/\?([^"]*)">next<\/a>/.exec(text)?.[1]?.replaceAll('&amp;', '&');
  }
  expect(seen.size).toBe(10_000);
  expect(pages).toBe(100);
});

test('only what may be pulled is shown, and the others learn nothing', async () => {
  const registry = fakeRegistry({ mine: { v1: manifest }, theirs: { v1: manifest } });
  const visible = (name: string) => name === 'mine';
  expect((await show(registry, '', { visible })).text).not.toContain('theirs');
  const refused = await show(registry, 'repository=theirs', { visible });
  expect(refused).toEqual({
    ...(await show(registry, 'repository=nothing', { visible })),
    kind: 'page',
  } as never);
  expect(refused.status).toBe(404);
  const caller = { kind: 'anonymous' } as const;
  expect((await show(registry, 'repository=theirs', { caller, visible })).status).toBe(401);
  expect((await show(registry, '?login', { caller, visible: () => true })).status).toBe(401);
  expect((await show(registry, '', { caller, visible: () => false })).status).toBe(401);
  expect((await show(registry, '', { caller, visible })).text).toContain('log in');
});

test('the policy of the page allows its own style and nothing else', async () => {
  const { text } = await show(fakeRegistry({ app: {} }), '');
  const style = /<style>([\s\S]*)<\/style>/.exec(text)?.[1] ?? '';
  const digest = createHash('sha256').update(style).digest('base64');
  expect(pageHeaders['Content-Security-Policy']).toContain(
    `default-src 'none'; style-src 'sha256-${digest}'`,
  );
  expect(text).not.toMatch(/style=|<script|javascript:|https?:/);
});

test('a template escapes all but its own markup', () => {
  expect(markup`<a title="${`"'<&>`}">${markup`<b>${'x'}</b>`}${[markup`1`, undefined]}${5}</a>`.markup).toBe(
    '<a title="&quot;&#39;&lt;&amp;&gt;"><b>x</b>15</a>',
  );
});
