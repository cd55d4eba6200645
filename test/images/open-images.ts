import { mkdir, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { silentLog } from '../../src/foundation/base/log.ts';
import { pack } from '../../src/foundation/archive/pack-process.ts';
import { unpackLayer } from '../../src/foundation/archive/unpack-process.ts';
import { compareTrees } from '../../src/foundation/kernel/tree-usage-process.ts';
import { openDatabase } from '../../src/foundation/db/database.ts';
import type { ContentStore } from '../../src/resources/content/content.ts';
import { openContentStore } from '../../src/resources/content/content-store.ts';
import { createRegistryClient } from '../../src/resources/distribution/registry-client.ts';
import { createRegistryPublisher } from '../../src/resources/distribution/registry-publisher.ts';
import { createTransport } from '../../src/resources/distribution/transport.ts';
import type { LayerStore } from '../../src/resources/snapshot/snapshot.ts';
import { openSnapshots } from '../../src/resources/snapshot/snapshots.ts';
import { createEvents } from '../../src/engine/events/bus.ts';
import type { EngineEvent } from '../../src/engine/events/events.ts';
import { createImageEngine, type ImageEngine } from '../../src/engine/image/create-image-engine.ts';
import type { ImageUsers } from '../../src/engine/image/image.ts';
import { helperCommands } from '../../src/bin/helper-commands.ts';

/** A real image engine over real stores in a folder; unpacking needs root. */
export interface OpenImages extends AsyncDisposable {
  root: string;
  images: ImageEngine;
  content: ContentStore;
  layers: LayerStore;
  events: EngineEvent[];
  /** Containers that the engine believes in; tests fill it. */
  users: { -readonly [K in keyof ImageUsers]: ImageUsers[K] };
  unpacks: () => number;
  /** Most of them at one time. */
  peak: () => number;
}

export async function openImages(
  at?: string,
  settings: { downloads?: number; dropPackedLayers?: boolean } = {},
): Promise<OpenImages> {
  await using undo = new AsyncDisposableStack();
  const root = at ?? (await mkdtemp(join(tmpdir(), 'silo-images-')));
  if (at === undefined) undo.defer(() => rm(root, { recursive: true, force: true }));
  await mkdir(join(root, 'tmp'), { recursive: true });
  const database = undo.use(openDatabase(join(root, 'silo.db'), { exclusive: true }));
  const transport = undo.use(createTransport());
  const content = await openContentStore(join(root, 'content'));
  const snapshots = await openSnapshots({ root: join(root, 'snapshots'), log: silentLog });
  undo.defer(() => snapshots.trash.idle());
  const bus = createEvents();
  const events: EngineEvent[] = [];
  undo.use(bus.subscribe((event) => events.push(event)));
  const users: OpenImages['users'] = { usersOf: () => [], layersInUse: () => [] };
  let unpacks = 0;
  let running = 0;
  let peak = 0;
  const images = createImageEngine({
    database,
    content,
    layers: snapshots.layers,
    registry: (access) =>
      createRegistryClient({ transport, access, retry: { attempts: 3, baseMs: 1, maximumWaitMs: 50 } }),
    publisher: (access) =>
      createRegistryPublisher({ transport, access, retry: { attempts: 3, baseMs: 1, maximumWaitMs: 50 } }),
    async unpack(request) {
      unpacks++;
      peak = Math.max(peak, ++running);
      try {
        return await unpackLayer({ ...request, command: helperCommands.unpack });
      } finally {
        running--;
      }
    },
    pack: (request) => pack({ ...request, command: helperCommands.pack }),
    compareTrees: (one, two) => compareTrees({ compare: [one, two] }, { command: helperCommands.measure }),
    users: { usersOf: (id) => users.usersOf(id), layersInUse: () => users.layersInUse() },
    events: bus,
    log: silentLog,
    now: Date.now,
    settings: {
      insecureRegistries: [],
      downloads: settings.downloads ?? 3,
      dropPackedLayers: settings.dropPackedLayers ?? false,
      unpacks: 2,
      temporaryDirectory: join(root, 'tmp'),
    },
  });
  const owned = undo.move();
  return {
    root,
    images,
    content,
    layers: snapshots.layers,
    events,
    users,
    unpacks: () => unpacks,
    peak: () => peak,
    [Symbol.asyncDispose]: () => owned[Symbol.asyncDispose](),
  };
}
