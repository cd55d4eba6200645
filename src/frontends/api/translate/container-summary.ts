import type { ContainerNetwork, ContainerRecord } from '../../../engine/container/container.ts';
import type { Engine } from '../../../engine/host/engine.ts';
import type { ContainerSummaryJson } from '../../../foundation/wire/docker/container.ts';
import { networkModeOf, toNetworksJson, toPortsJson } from './container-network.ts';
import { statusText, statusWord } from './container-state.ts';
import { toMountPoints } from './mount-points.ts';
import { toSeconds } from './times.ts';

/** One line of `ps`. `imageName` is what to show for the image: its name, or its id once the name means another. */
export function toContainerSummary(
  record: ContainerRecord,
  view: { network: ContainerNetwork; imageName: string; nowMs: number; size?: ContainerSize },
): ContainerSummaryJson {
  return {
    Id: record.id,
    Names: [`/${record.name}`],
    Image: view.imageName,
    ImageID: record.imageId,
    Command: commandText(record),
    Created: toSeconds(record.createdAtMs),
    Ports: toPortsJson(record, view.network),
    // The list leaves out what is zero; inspect does not.
    ...withoutZeros(toSizeJson(view.size)),
    Labels: record.config.labels,
    State: statusWord(record),
    Status: statusText(record, view.nowMs),
    HostConfig: {
      NetworkMode: networkModeOf(record.config),
      ...(Object.keys(record.config.annotations).length > 0
        ? { Annotations: record.config.annotations }
        : {}),
    },
    NetworkSettings: { Networks: toNetworksJson(record, view.network) },
    Mounts: toMountPoints(record),
  };
}

function withoutZeros(sizes: { SizeRw?: number; SizeRootFs?: number }): typeof sizes {
  return Object.fromEntries(Object.entries(sizes).filter(([, bytes]) => bytes > 0));
}

/** What `sizeOf` of the engine tells. */
export type ContainerSize = Awaited<ReturnType<Engine['containers']['sizeOf']>>;

export function toSizeJson(size: ContainerSize | undefined): { SizeRw?: number; SizeRootFs?: number } {
  return size ? { SizeRw: size.writableBytes, SizeRootFs: size.totalBytes } : {};
}

/** Words with spaces in single quotes, as Docker joins them. */
function commandText({ path, args }: Pick<ContainerRecord, 'path' | 'args'>): string {
  return [path, ...args.map((word) => (word.includes(' ') ? `'${word}'` : word))].join(' ');
}
