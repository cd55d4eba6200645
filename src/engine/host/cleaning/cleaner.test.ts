import { expect, test } from 'bun:test';
import { silentLog } from '../../../foundation/base/log.ts';
import { conflict } from '../../../foundation/base/errors.ts';
import { openDatabase } from '../../../foundation/db/database.ts';
import type { ImageId } from '../../../foundation/oci/digest.ts';
import type { ContainerRecord } from '../../container/container.ts';
import { createEvents } from '../../events/bus.ts';
import type { ImageRecord } from '../../image/image.ts';
import { createCleaner } from './cleaner.ts';
import { openImageUses } from './image-uses.ts';
import { parseMark, parseMarks } from './marks.ts';

const nowMs = 1_000_000_000_000;
const idOf = (name: string): ImageId => `sha256:${name}` as ImageId;

/** Each image takes ten percent of a disk that is at the level. */
function setUp(names: readonly string[], options: { used?: string[]; level: number; refused?: string[] }) {
  let images = names.map((name) => ({
    id: idOf(name),
    tags: [name],
    taggedAtMs: 1,
    config: { config: { Labels: name === 'labelled' ? { 'silo.pin': 'true' } : {} } },
  })) as unknown as ImageRecord[];
  const database = openDatabase(':memory:');
  const uses = openImageUses(database);
  const cleaner = createCleaner({
    marks: { high: { unit: 'percent', value: 80 }, low: { unit: 'percent', value: 60 } },
    level: async () => options.level - 10 * (names.length - images.length),
    images: {
      list: () => images,
      resolve: (name) => images.find(({ tags }) => tags.includes(name)) as ImageRecord,
      sweep: async () => ({ reclaimedBytes: 0 }),
      remove: async (name) => {
        if (options.refused?.includes(name)) throw conflict('in use');
        images = images.filter(({ tags }) => !tags.includes(name));
        return [];
      },
    },
    containers: {
      list: () =>
        (options.used ?? []).map(
          (name) => ({ imageId: idOf(name), mounts: [] as unknown[] }) as ContainerRecord,
        ),
    },
    uses,
    events: createEvents(),
    log: silentLog,
    now: () => nowMs,
  });
  const clean = async (): Promise<string[]> => (await cleaner.clean()).map(({ tags }) => tags[0] ?? '');
  return { clean, uses, [Symbol.dispose]: () => (cleaner[Symbol.dispose](), database[Symbol.dispose]()) };
}

test('below the high mark nothing goes', async () => {
  using world = setUp(['a', 'b'], { level: 79 });
  expect(await world.clean()).toEqual([]);
});

test('the image that was unused for longest goes first, until the level is below the low mark', async () => {
  using world = setUp(['a', 'b', 'c', 'd'], { level: 85 });
  world.uses.used(idOf('a'), 3000);
  world.uses.used(idOf('b'), 2000);
  world.uses.used(idOf('c'), 1000);
  expect(await world.clean()).toEqual(['d', 'c', 'b']);
});

test('what is used, pinned, labelled, refused or was used just now stays', async () => {
  const names = ['used', 'pinned', 'labelled', 'refused', 'fresh', 'plain'];
  using world = setUp(names, { level: 99, used: ['used'], refused: ['refused'] });
  world.uses.pin(idOf('pinned'));
  world.uses.used(idOf('fresh'), nowMs - 1000);
  expect(await world.clean()).toEqual(['plain']);
  world.uses.unpin(idOf('pinned'));
  expect(await world.clean()).toEqual(['pinned']);
});

test('marks are shares or sizes, and must fit each other', () => {
  expect(parseMark('m', '85%')).toEqual({ unit: 'percent', value: 85 });
  expect(parseMark('m', '1.5GB')).toEqual({ unit: 'bytes', value: 1.5e9 });
  expect(parseMark('m', '200k')).toEqual({ unit: 'bytes', value: 200e3 });
  for (const text of ['', '0', '101%', '-1%', 'many', '5%%'])
    expect(() => parseMark('gc-high-water', text)).toThrow('gc-high-water must be');
  expect(parseMarks({})).toBeUndefined();
  expect(parseMarks({ gcHighWater: '90%' })?.low).toEqual({ unit: 'percent', value: 81 });
  expect(() => parseMarks({ gcLowWater: '10%' })).toThrow('no use');
  expect(() => parseMarks({ gcHighWater: '80%', gcLowWater: '80%' })).toThrow('must be below');
  expect(() => parseMarks({ gcHighWater: '80%', gcLowWater: '1GB' })).toThrow('must be below');
});
