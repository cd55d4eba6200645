import type { ContainerNetwork, ContainerRecord } from '../../../engine/container/container.ts';
import type { HostFacts } from '../../../engine/host/engine.ts';
import type { ContainerInspectJson } from '../../../foundation/wire/docker/container.ts';
import { toNetworkSettings } from './container-network.ts';
import { type ContainerSize, toSizeJson } from './container-summary.ts';
import { toStateJson } from './container-state.ts';
import { toConfigJson, toHostConfigJson } from './host-config.ts';
import { toMountPoints } from './mount-points.ts';
import { formatTime } from './times.ts';

/** What the engine calls its layers, as Docker names those of containerd's snapshotter, which has no folders to show either. */
export const storageDriver = 'overlayfs';

/** `GET /containers/{id}/json`. */
export function toContainerInspect(
  record: ContainerRecord,
  view: {
    network: ContainerNetwork;
    execIds?: readonly string[];
    host: Pick<HostFacts, 'cgroupVersion' | 'defaultRuntime'>;
    size?: ContainerSize;
  },
): ContainerInspectJson {
  return {
    Id: record.id,
    Created: formatTime(record.createdAtMs),
    Path: record.path,
    Args: record.args,
    State: toStateJson(record),
    Image: record.imageId,
    ...filesBeside(record),
    LogPath: record.logPath,
    Name: `/${record.name}`,
    RestartCount: record.restartCount,
    Driver: storageDriver,
    Platform: 'linux',
    MountLabel: '',
    ProcessLabel: '',
    AppArmorProfile: '',
    ...userNamespaceOf(record),
    ExecIDs: view.execIds?.length ? [...view.execIds] : null,
    HostConfig: { ...toHostConfigJson(record.config, view.host), Links: toLinks(record) },
    ...toSizeJson(view.size),
    GraphDriver: { Data: null, Name: storageDriver },
    Mounts: toMountPoints(record),
    Config: toConfigJson(record.config),
    NetworkSettings: toNetworkSettings(record, view.network),
  };
}

/** The files that the engine mounts over the image's lie beside the log; before the first start there are none. */
function filesBeside(
  record: ContainerRecord,
): Pick<ContainerInspectJson, 'ResolvConfPath' | 'HostnamePath' | 'HostsPath'> {
  const folder = record.logPath.replace(/[^/]*$/, '');
  const at = (name: string): string => (record.state.status === 'created' ? '' : `${folder}${name}`);
  return { ResolvConfPath: at('resolv.conf'), HostnamePath: at('hostname'), HostsPath: at('hosts') };
}

function userNamespaceOf({ userNamespace }: ContainerRecord): Pick<ContainerInspectJson, 'UserNamespace'> {
  if (!userNamespace) return {};
  const reason = userNamespace.kind === 'own' ? '' : userNamespace.reason;
  return { UserNamespace: { Own: userNamespace.kind === 'own', Reason: reason } };
}

/** As Docker shows them, with the names of both. */
function toLinks({ name, config }: ContainerRecord): string[] | null {
  const { links } = config.network;
  return links.length === 0 ? null : links.map((link) => `/${link.name}:/${name}/${link.alias}`);
}
