import type { DiskUsage } from '../../../engine/host/disk.ts';
import type { ContainerConfig } from '../../../engine/container/config.ts';
import type { ContainerRecord } from '../../../engine/container/container.ts';
import type { HostFacts } from '../../../engine/host/engine.ts';
import type { ImageRecord } from '../../../engine/image/image.ts';
import { parseContainerId, parseNetworkId } from '../../../foundation/base/ids.ts';
import { parseDigest } from '../../../foundation/oci/digest.ts';
import type { NetworkInfo } from '../../../resources/network/network.ts';
import type { VolumeInfo } from '../../../resources/volume/volume.ts';
import { toContainerConfig } from '../translate/container-config.ts';

/** Values for tests of this frontend; times in 2026. */
export const createdAtMs: number = Date.UTC(2026, 0, 2, 3, 4, 5, 670);

const sampleConfig: ContainerConfig = toContainerConfig(
  { Image: 'busybox', Cmd: ['sleep', '1 d'] },
  { cpus: 2 },
);

export function sampleContainer(changes: Partial<ContainerRecord> = {}): ContainerRecord {
  return {
    id: parseContainerId('ab'.repeat(32)),
    name: 'web',
    createdAtMs,
    config: { ...sampleConfig, hostname: 'abababababab', exposedPorts: ['80/tcp'] },
    imageId: sampleImage().id,
    imageName: 'busybox',
    layers: [],
    path: 'sleep',
    args: ['1 d'],
    state: { status: 'created' },
    restartCount: 0,
    error: '',
    logPath: '/data/containers/ab/container.log',
    runtimeName: 'crun',
    mounts: [],
    ...changes,
  };
}

export function sampleImage(changes: Partial<ImageRecord> = {}): ImageRecord {
  return {
    id: parseDigest(`sha256:${'1'.repeat(64)}`),
    manifestDigest: parseDigest(`sha256:${'2'.repeat(64)}`),
    variantOf: [],
    form: 'unpacked',
    tags: ['docker.io/library/busybox:latest'],
    digests: [`docker.io/library/busybox@sha256:${'2'.repeat(64)}`],
    config: {
      created: '2026-01-02T03:04:05.67Z',
      architecture: 'amd64',
      os: 'linux',
      config: { Cmd: ['sh'], Env: ['PATH=/bin'], Labels: { tier: 'base' }, ExposedPorts: { '80/tcp': {} } },
      rootfs: { type: 'layers', diff_ids: [parseDigest(`sha256:${'3'.repeat(64)}`)] },
    },
    layers: [parseDigest(`sha256:${'3'.repeat(64)}`)],
    sizeBytes: 1_982_298,
    createdAtMs,
    ...changes,
  };
}

export const sampleNetwork: NetworkInfo = {
  id: parseNetworkId('cd'.repeat(32)),
  name: 'bridge',
  driver: 'bridge',
  scope: 'local',
  internal: false,
  attachable: false,
  enableIpv4: true,
  enableIpv6: false,
  ipam: [{ subnet: '172.29.0.0/16', gateway: '172.29.0.1' }],
  options: {},
  labels: {},
  bridge: 'silo0',
  createdAtMs,
};

export const sampleVolume: VolumeInfo = {
  name: 'data',
  driver: 'local',
  mountpoint: '/data/volumes/data/_data',
  labels: {},
  options: {},
  anonymous: false,
  createdAtMs,
};

export const sampleHost: HostFacts = {
  id: '055db4b6-986c-4ff2-a636-1f338906851e',
  name: 'vm',
  dataRoot: '/data',
  kernelVersion: '6.18.0',
  operatingSystem: 'Debian GNU/Linux 12 (bookworm)',
  osVersion: '12',
  architecture: 'x86_64',
  seccompProfile: 'builtin',
  securityPreset: 'default',
  userNamespaces: false,
  appArmor: false,
  cpuList: '0-63',
  memoryNodes: '0',
  cpus: 2,
  memoryBytes: 25_276_510_208,
  cgroupVersion: '2',
  cgroupDriver: 'cgroupfs',
  runtimes: { crun: { path: '/usr/bin/crun' } },
  defaultRuntime: 'crun',
  runtimeVersion: 'crun version 1.8.1',
  monitorVersion: 'conmon version 2.1.6',
  initBinary: '',
  cdiSpecDirs: ['/etc/cdi', '/var/run/cdi'],
  logDriver: 'json-file',
  logDrivers: ['json-file', 'local', 'none'],
  insecureRegistries: ['10.0.0.0/8', 'registry.local:5000'],
  registryMirrors: {},
  proxies: { http: '', https: '', exceptions: '' },
  startedAtMs: createdAtMs,
  warnings: [],
};

export const sampleUsage: DiskUsage = {
  imagesBytes: 5,
  layersBytes: {},
  blobsBytes: {},
  containersBytes: {},
  volumesBytes: {},
  totalBytes: 9,
  otherBytes: 4,
};
