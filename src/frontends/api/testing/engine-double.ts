import type { ContainerRecord } from '../../../engine/container/container.ts';
import { createEvents } from '../../../engine/events/bus.ts';
import type { Engine } from '../../../engine/host/engine.ts';
import type { ImageRecord } from '../../../engine/image/image.ts';
import { notFound } from '../../../foundation/base/errors.ts';
import { sampleHost, sampleNetwork, sampleUsage, sampleVolume } from './sample-records.ts';

/** Parts of an engine that a test brings along. */
export type EngineParts = { [Part in keyof Engine]?: Partial<Engine[Part]> };

/**
 * An engine of plain values, to see how the frontend translates; what a test did not bring fails by its name. Behaviour of the engine is tested against
 * the real one, not here.
 */
export function engineDouble(
  parts: EngineParts = {},
  records: { containers?: ContainerRecord[]; images?: ImageRecord[] } = {},
): Engine {
  const { containers = [], images = [] } = records;
  const defaults: EngineParts = {
    host: sampleHost,
    containers: {
      list: () => containers,
      get(nameOrId) {
        const found = containers.find(({ id, name }) => id.startsWith(nameOrId) || name === nameOrId);
        if (!found) throw notFound(`No such container: ${nameOrId}`);
        return found;
      },
      networkOf: () => ({ networks: [], ports: [] }),
      sizeOf: async () => ({ writableBytes: 3, totalBytes: 8 }),
    },
    images: {
      list: () => images,
      resolve(name) {
        const found = images.find(
          ({ id, tags }) => id.includes(name) || tags.some((tag) => tag.includes(`/${name}:`)),
        );
        if (!found) throw notFound(`No such image: ${name}:latest`);
        return found;
      },
      contentOf: () => ({ layers: [], blobs: [] }),
      variants: (name) =>
        images.filter(({ tags, variantOf }) => tags.includes(name) || variantOf.includes(name)),
    },
    networks: { list: () => [sampleNetwork], get: () => sampleNetwork, members: () => [] },
    execs: { of: () => [] },
    disk: { usage: async () => sampleUsage, freeBytes: async () => 1 << 30 },
    builds: {
      isStep: () => false,
      prune: async () => [],
      caches: () => [],
      pruneCaches: async () => [],
      cacheUses: () => new Map(),
      contexts: {
        usage: () => ({ sizeBytes: 0, lastUsedMs: 0 }),
        prune: async () => 0,
        read: () => Promise.reject(new Error('nothing is read')),
      },
    },
    volumes: { list: () => [sampleVolume], get: () => sampleVolume },
  };
  const part = (name: keyof Engine): object => guarded(String(name), { ...defaults[name], ...parts[name] });
  return {
    ...(Object.fromEntries(
      (
        [
          'images',
          'builds',
          'containers',
          'streams',
          'execs',
          'changes',
          'stats',
          'networks',
          'volumes',
          'disk',
          'host',
        ] as const
      ).map((name) => [name, part(name)]),
    ) as unknown as Engine),
    events: createEvents(() => 1_767_323_045_670),
    [Symbol.asyncDispose]: async () => undefined,
  };
}

function guarded(name: string, value: object): object {
  return new Proxy(value, {
    get(target, key) {
      if (key in target) return Reflect.get(target, key);
      throw new Error(`the double has no ${name}.${String(key)}`);
    },
  });
}
