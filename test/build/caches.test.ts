import { afterAll, beforeAll, describe, expect, test } from 'bun:test';
import { skipReason } from '../crash/world.ts';
import { startEngine, type TestEngine } from '../e2e/harness.ts';
import { ask, bootstrapBusybox } from '../e2e/objects.ts';
import { type LocalRegistry, startLocalRegistry } from '../registry-server/harness.ts';
import { contextOf, type Files, postBuild } from './harness.ts';

if (skipReason) console.log(`skipped: caches of other engines: ${skipReason}`);

interface Words {
  Type: string;
  Attrs: Record<string, string>;
}

interface Asked {
  tag?: string;
  outputs?: Words[];
  attests?: Words[];
  cacheto?: Words[];
  cachefrom?: (Words | string)[];
  buildargs?: Record<string, string>;
}

describe.skipIf(skipReason !== undefined)('builds that give and take over a registry', () => {
  let one: TestEngine;
  let two: TestEngine;
  let registry: LocalRegistry;
  beforeAll(async () => {
    registry = await startLocalRegistry();
    [one, two] = await Promise.all([startEngine(), startEngine()]);
    await Promise.all([one, two].map(bootstrapBusybox));
  }, 60_000);
  afterAll(async () => {
    for (const each of [one, two, registry]) await each[Symbol.asyncDispose]();
  }, 60_000);

  async function build(engine: TestEngine, files: Files, asked: Asked): Promise<string> {
    const query = new URLSearchParams();
    if (asked.tag !== undefined) query.set('t', asked.tag);
    for (const name of ['outputs', 'attests', 'cacheto', 'cachefrom', 'buildargs'] as const)
      if (asked[name] !== undefined) query.set(name, JSON.stringify(asked[name]));
    return (await postBuild(engine, contextOf(files), { query: query.toString() })).text;
  }
  const name = (path: string): string => `${registry.host}/${path}`;
  const cache = (path: string, more: Record<string, string> = {}): Words => ({
    Type: 'registry',
    Attrs: { ref: name(path), ...more },
  });
  const layersOf = async (engine: TestEngine, image: string): Promise<string[]> =>
    (await ask<{ RootFS: { Layers: string[] } }>(engine, 'GET', `/images/${image}/json`)).RootFS.Layers;
  const blobs = async (repository: string, tag: string): Promise<{ Type?: string; layers?: unknown[] }> => {
    const answer = await fetch(`${registry.url}/v2/${repository}/manifests/${tag}`, {
      headers: { accept: '*/*' },
    });
    return (await answer.json()) as { layers?: unknown[] };
  };

  const Dockerfile = `FROM busybox AS tools
RUN head -c 200000 /dev/urandom > /tool
RUN cp /tool /copy
FROM busybox
COPY --from=tools /copy /tool
COPY file /file
RUN head -c 1000 /dev/urandom > /noise
`;

  test('another engine does none of the steps, and gets the same files; what only its stages need stays away', async () => {
    const files = { Dockerfile, file: 'one' };
    const made = await build(one, files, {
      tag: 'made',
      cacheto: [cache('app:max', { mode: 'max' }), cache('app:min')],
    });
    expect(made).toContain('Successfully built');
    expect((await blobs('app', 'max')).layers).toHaveLength(5);
    expect((await blobs('app', 'min')).layers).toHaveLength(3);
    for (const [place, from] of ['app:max', 'app:min'].entries()) {
      const text = await build(two, files, { tag: `taken:${place}`, cachefrom: [name(from)] });
      expect(text).toContain('Successfully built');
      expect(text).not.toContain('Running in');
      expect(await layersOf(two, `taken:${place}`)).toEqual(await layersOf(one, 'made'));
    }
    const images = await ask<{ Id: string }[]>(two, 'GET', '/images/json?all=1');
    const layers = await Promise.all(images.map(({ Id }) => layersOf(two, Id)));
    // Not those of the stage.
    expect(new Set(layers.flat()).size).toBe(4);
  }, 90_000);

  test('what was imported counts for those who import it, and what another file changes is done anew', async () => {
    const files = { Dockerfile, file: 'one' };
    const without = await build(two, files, { tag: 'without' });
    expect(without.match(/Running in/g)).toHaveLength(3);
    const changed = await build(two, { ...files, file: 'two' }, { cachefrom: [name('app:max')] });
    expect(changed.match(/Running in/g)).toHaveLength(1);
    expect(await layersOf(two, 'taken:0')).not.toEqual(await layersOf(two, 'without'));
  }, 90_000);

  test('a cache that is given on has what it had, also the steps that nobody needed', async () => {
    await ask(two, 'POST', '/build/prune');
    const text = await build(
      two,
      { Dockerfile, file: 'one' },
      { cachefrom: [name('app:max')], cacheto: [cache('on:max', { mode: 'max' })] },
    );
    expect(text).not.toContain('Running in');
    const [before, after] = await Promise.all([blobs('app', 'max'), blobs('on', 'max')]);
    expect(after.layers?.length).toBe(before.layers?.length ?? 0);
  }, 90_000);

  test('an image that is pushed may be its own cache, and tells how it was made', async () => {
    const files = { Dockerfile: 'FROM busybox\nARG TOKEN\nRUN echo hi > /a\nRUN date +%s%N > /b\n' };
    const asked: Asked = {
      tag: name('inline:1'),
      outputs: [{ Type: 'registry', Attrs: {} }],
      cacheto: [{ Type: 'inline', Attrs: {} }],
      buildargs: { TOKEN: 'hunter2' },
    };
    expect(await build(one, files, asked)).toContain('Pushed');
    const index = (await blobs('inline', '1')) as {
      manifests?: { digest: string; platform: { os: string } }[];
    };
    expect(index.manifests?.map(({ platform }) => platform.os)).toEqual(['linux', 'unknown']);
    const text = await build(two, files, { cachefrom: [name('inline:1')], buildargs: { TOKEN: 'hunter2' } });
    expect(text).not.toContain('Running in');
    const stored = await Promise.all(
      (index.manifests ?? []).map(async ({ digest }) => {
        const manifest = (await blobs('inline', digest)) as {
          layers: { digest: string; mediaType: string }[];
        };
        const parts = manifest.layers.filter(({ mediaType }) => mediaType.endsWith('in-toto+json'));
        const texts = await Promise.all(
          parts.map(async (part) => (await fetch(`${registry.url}/v2/inline/blobs/${part.digest}`)).text()),
        );
        return `${JSON.stringify(manifest)}${texts.join('')}`;
      }),
    );
    expect(stored.join('')).toContain('https://slsa.dev/provenance/v1');
    expect(stored.join('')).not.toContain('hunter2');
  }, 90_000);

  test('a cache that is away is a warning; one that cannot be given fails the build, unless told otherwise', async () => {
    const files = { Dockerfile: 'FROM scratch\nCOPY file /file\n', file: 'x' };
    const text = await build(one, files, { cachefrom: ['127.0.0.1:9/nobody/here', name('not/there')] });
    expect(text.match(/no cache is taken from/g)).toHaveLength(2);
    expect(text).toContain('Successfully built');
    const away = { Type: 'registry', Attrs: { ref: '127.0.0.1:9/nobody/here' } };
    expect(await build(one, files, { cacheto: [away] })).not.toContain('Successfully built');
    const ignored = { ...away, Attrs: { ...away.Attrs, 'ignore-error': 'true' } };
    expect(await build(one, files, { cacheto: [ignored] })).toContain('the cache was not exported');
  }, 90_000);

  test('an engine that dies while it takes a cache goes on afterwards as if nothing had been', async () => {
    const files = { Dockerfile, file: 'killed' };
    await build(one, files, { cacheto: [cache('killed:max', { mode: 'max' })] });
    await two.kill();
    for (const fault of ['image.publish.layers-there']) {
      expect(await two.start({ fault })).toBe(true);
      const failed = await build(two, files, { cachefrom: [name('killed:max')] }).catch(() => 'died');
      expect(failed === 'died' || !failed.includes('Successfully')).toBe(true);
      await two.died();
    }
    await two.start();
    const text = await build(two, files, { tag: 'killed', cachefrom: [name('killed:max')] });
    expect(text).not.toContain('Running in');
    expect(text).toContain('Successfully built');
    expect(await ask(two, 'GET', '/containers/json?all=1')).toEqual([]);
  }, 120_000);

  test('outputs that the classic API cannot carry are refused by name, before anything is done', async () => {
    const files = { Dockerfile: 'FROM busybox\nRUN exit 1\n' };
    for (const Type of ['tar', 'local', 'oci', 'docker'])
      expect(await build(one, files, { outputs: [{ Type, Attrs: {} }] })).toContain(
        `output type=${Type} needs`,
      );
    const push = { outputs: [{ Type: 'registry', Attrs: {} }] };
    expect(await build(one, files, push)).toContain('tag is needed when pushing to registry');
    expect(await build(one, files, { outputs: [{ Type: 'odd', Attrs: {} }] })).toContain(
      'unknown output type',
    );
  }, 60_000);
});
