import { lstat } from 'node:fs/promises';
import { join } from 'node:path';
import { createSingleFlight } from '../../foundation/base/single-flight.ts';
import type { TreeUsage, TreeUsageRequest } from '../../foundation/kernel/tree-usage.ts';
import { type ChainId, type Digest, isDigest } from '../../foundation/oci/digest.ts';
import type { DiskCommands, DiskPart, DiskUsage } from './disk.ts';

const layersFolder = 'snapshots/layers';

/** Everything below the data root that is somebody's; the rest is `otherBytes`. */
const groups = [
  { path: '', group: 'top' },
  { path: 'snapshots', group: 'snapshots' },
  { path: layersFolder, group: 'layers' },
  { path: 'content', group: 'content' },
  { path: 'content/blobs/sha256', group: 'sha256' },
  { path: 'content/blobs/sha512', group: 'sha512' },
  { path: 'snapshots/containers', group: 'containers' },
  { path: 'containers', group: 'containers' },
  { path: 'volumes', group: 'volumes' },
];

/** Published layers do not change, so each is walked once while it is the same folder. Requests at the same time share one walk. */
export function createDiskUsage(deps: {
  dataRoot: string;
  measure: (request: TreeUsageRequest) => Promise<TreeUsage>;
}): DiskCommands['usage'] {
  const { dataRoot, measure } = deps;
  const layers = new Map<string, { identity: string; bytes: number }>();
  const flights = createSingleFlight<DiskUsage>();
  const identityOf = async (name: string): Promise<string | undefined> => {
    const found = await lstat(join(dataRoot, layersFolder, name)).catch(() => undefined);
    return found && `${found.ino} ${found.ctimeMs}`;
  };
  const run = async (parts: readonly DiskPart[]): Promise<DiskUsage> => {
    const known = Object.fromEntries(leftOut(parts).map((path) => [path, 0]));
    for (const [name, { identity, bytes }] of layers) {
      if ((await identityOf(name)) === identity) known[`${layersFolder}/${name}`] = bytes;
      else layers.delete(name);
    }
    const usage = await measure({ root: dataRoot, groups, known });
    for (const [name, bytes] of Object.entries(usage.groups['layers'] ?? {})) {
      if (layers.has(name) || !hex.test(name)) continue;
      const identity = await identityOf(name);
      if (identity !== undefined) layers.set(name, { identity, bytes });
    }
    return toDiskUsage(usage);
  };
  return ({ parts = allParts } = {}) => flights.run(parts.toSorted().join(), () => run(parts));
}

const allParts: readonly DiskPart[] = ['images', 'containers', 'volumes'];
const foldersOf: Record<DiskPart, string[]> = {
  images: [layersFolder, 'content'],
  containers: ['snapshots/containers', 'containers'],
  volumes: ['volumes'],
};
const leftOut = (parts: readonly DiskPart[]): string[] =>
  allParts.filter((part) => !parts.includes(part)).flatMap((part) => foldersOf[part]);

const hex = /^([0-9a-f]{64}|[0-9a-f]{128})$/;

function toDiskUsage({ totalBytes, groups: measured }: TreeUsage): DiskUsage {
  const entries = (group: string): [string, number][] => Object.entries(measured[group] ?? {});
  const layers = entries('layers').filter(([name]) => hex.test(name));
  const blobs = ['sha256', 'sha512'].flatMap((algorithm) =>
    entries(algorithm).map(([name, bytes]): [string, number] => [`${algorithm}:${name}`, bytes]),
  );
  // What has another name is on its way in or out.
  const containers = entries('containers').filter(([name]) => /^[0-9a-f]{64}$/.test(name));
  const volumes = entries('volumes').filter(([name]) => !name.startsWith('.'));
  const imagesBytes = sum(layers) + sum(entries('content'));
  return {
    imagesBytes,
    layersBytes: Object.fromEntries(
      layers.map(([name, bytes]) => [`sha${name.length === 128 ? '512' : '256'}:${name}`, bytes]),
    ) as Record<ChainId, number>,
    blobsBytes: Object.fromEntries(blobs.filter(([digest]) => isDigest(digest))) as Record<Digest, number>,
    containersBytes: Object.fromEntries(containers),
    volumesBytes: Object.fromEntries(volumes),
    totalBytes,
    otherBytes: totalBytes - imagesBytes - sum(containers) - sum(volumes),
  };
}

const sum = (entries: readonly [string, number][]): number =>
  entries.reduce((total, [, bytes]) => total + bytes, 0);
