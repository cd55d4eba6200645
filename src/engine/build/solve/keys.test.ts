import { expect, test } from 'bun:test';
import { type Digest, type ImageId, sha256 } from '../../../foundation/oci/digest.ts';
import { createGraph } from '../graph/graph.ts';
import type { CopyVertex, VertexId } from '../graph/vertex.ts';
import { createKeys, type KeyOptions, type Keys } from './keys.ts';

const graph = createGraph();
const root = graph.add({ kind: 'scratch', platform: 'linux/amd64' });
const stage = graph.add({ kind: 'meta', root, config: { User: 'stage' }, history: [] });
const copyOf = (input: VertexId): CopyVertex => ({
  kind: 'copy',
  root,
  sources: [{ input, path: '/file' }],
  contents: [],
  destination: '/',
  link: false,
  parents: false,
  exclude: [],
  unpack: 'never',
});
const copy = graph.add(copyOf(stage));
const last = graph.add({ kind: 'meta', root: copy, config: {}, history: [] });
const image = sha256('image') as unknown as ImageId;

/** One build. What it remembers is by the part that was asked for, as there is one alone. */
function build(memory: Map<Digest, string>, { holds }: { holds: string }) {
  const made = new Set<VertexId>();
  const looks: VertexId[] = [];
  const options: KeyOptions = {
    vertexOf(id) {
      const vertex = graph.vertices.get(id);
      if (!vertex) throw new TypeError(`no vertex ${id}`);
      return vertex;
    },
    cache: {
      findContent: (origin) => memory.get(origin),
      keepContent: (origin, _of, content) => void memory.set(origin, content),
    },
    resolve: (_id, name) => Promise.resolve(name),
    contentOf(_part, wantedBy) {
      looks.push(wantedBy);
      return Promise.resolve(holds);
    },
    imageOf: () => Promise.resolve(image),
    mayUseCache: () => true,
    wasMade: (id) => made.has(id),
    guard: (_id, search) => search(),
    salt: '',
  };
  const keys: Keys = createKeys(options);
  return { keys, made, looks };
}

test('what stands on a stage that is there is kept under the key that it was looked up by, and the stage is looked at once', async () => {
  const memory = new Map<Digest, string>();
  const first = build(memory, { holds: 'old' });
  const key = await first.keys.find(copy);
  first.made.add(stage);
  expect(await first.keys.settle(copy)).toBe(key);
  expect(first.looks).toEqual([copy]);
  const second = build(memory, { holds: 'never looked at' });
  expect(await second.keys.settle(copy)).toBe(key);
  expect(second.looks).toEqual([]);
});

test('a stage that was gone and holds other files when it is made again moves the keys of all that stands on it', async () => {
  const memory = new Map<Digest, string>();
  await build(memory, { holds: 'old' }).keys.find(copy);
  const again = build(memory, { holds: 'new' });
  const wanted = [await again.keys.find(copy), await again.keys.find(last)];
  // Neither its image nor that of the copy is there.
  again.made.add(stage);
  const settled = [await again.keys.settle(copy), await again.keys.settle(last)];
  expect(settled[0]).not.toBe(wanted[0]);
  expect(settled[1]).not.toBe(wanted[1]);
  // The next build finds them at once.
  const next = build(memory, { holds: 'never looked at' });
  expect([await next.keys.find(copy), await next.keys.find(last)]).toEqual(settled);
  expect(next.looks).toEqual([]);
});
