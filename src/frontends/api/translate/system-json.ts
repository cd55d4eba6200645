import type { HostFacts } from '../../../engine/host/engine.ts';
import type { CommitJson, InfoJson, VersionJson } from '../../../foundation/wire/docker/system.ts';
import { newestVersion, oldestVersion, since } from '../versions.ts';
import { storageDriver } from './container-inspect.ts';

export interface BuildVersion {
  version: string;
  gitCommit: string;
  buildTime: string;
}

/** What is counted at the moment of the request. */
export interface InfoCounts {
  running: number;
  paused: number;
  stopped: number;
  images: number;
  descriptors: number;
  threads: number;
  eventListeners: number;
  nowMs: number;
}

/** GOARCH words to what `uname -m` says. */
const machines: Record<string, string> = { amd64: 'x86_64', arm64: 'aarch64' };
const goWords: Record<string, string> = { x86_64: 'amd64', aarch64: 'arm64' };

export function toVersionJson(host: HostFacts, build: BuildVersion): VersionJson {
  const arch = goWords[host.architecture] ?? host.architecture;
  const details = {
    ApiVersion: newestVersion,
    Arch: arch,
    BuildTime: build.buildTime,
    Experimental: 'false',
    GitCommit: build.gitCommit,
    GoVersion: '',
    KernelVersion: host.kernelVersion,
    MinAPIVersion: oldestVersion,
    Os: 'linux',
  };
  return {
    Platform: { Name: 'Silo' },
    Components: [
      { Name: 'Engine', Version: build.version, Details: details },
      { Name: host.defaultRuntime, Version: plainVersion(host.runtimeVersion), Details: { GitCommit: '' } },
      { Name: 'conmon', Version: plainVersion(host.monitorVersion), Details: { GitCommit: '' } },
    ],
    Version: build.version,
    ApiVersion: newestVersion,
    MinAPIVersion: oldestVersion,
    GitCommit: build.gitCommit,
    GoVersion: '',
    Os: 'linux',
    Arch: arch,
    KernelVersion: host.kernelVersion,
    BuildTime: build.buildTime,
  };
}

/** `crun version 1.8.1` to `1.8.1`. */
function plainVersion(text: string): string {
  return /\d+(\.\d+)+\S*/.exec(text)?.[0] ?? text;
}

export function toInfoJson(
  host: HostFacts,
  counts: InfoCounts,
  request: { build: BuildVersion; minor: number },
): InfoJson {
  const { build, minor } = request;
  const commit = (id: string): CommitJson => ({
    ID: id,
    ...(minor < since.noExpectedCommit ? { Expected: id } : {}),
  });
  return {
    ID: host.id,
    Containers: counts.running + counts.paused + counts.stopped,
    ContainersRunning: counts.running,
    ContainersPaused: counts.paused,
    ContainersStopped: counts.stopped,
    Images: counts.images,
    Driver: storageDriver,
    DriverStatus: [['driver-type', 'silo.snapshot.overlay']],
    Plugins: {
      Volume: ['local'],
      Network: ['bridge', 'host', 'ipvlan', 'macvlan', 'null'],
      Authorization: null,
      Log: host.logDrivers,
    },
    ...limitsOf(host, minor),
    // The engine switches it on for its networks.
    IPv4Forwarding: true,
    ...(minor < since.noBridgeNf ? { BridgeNfIptables: true, BridgeNfIp6tables: true } : {}),
    Debug: false,
    NFd: counts.descriptors,
    // The nearest to Go's word: what runs at the same time.
    NGoroutines: counts.threads,
    SystemTime: new Date(counts.nowMs).toISOString(),
    LoggingDriver: host.logDriver,
    CgroupDriver: host.cgroupDriver,
    CgroupVersion: host.cgroupVersion,
    NEventsListener: counts.eventListeners,
    KernelVersion: host.kernelVersion,
    OperatingSystem: host.operatingSystem,
    OSVersion: host.osVersion,
    OSType: 'linux',
    Architecture: machines[host.architecture] ?? host.architecture,
    IndexServerAddress: 'https://index.docker.io/v1/',
    RegistryConfig: registryConfigOf(host),
    NCPU: host.cpus,
    MemTotal: host.memoryBytes,
    GenericResources: null,
    DockerRootDir: host.dataRoot,
    HttpProxy: host.proxies.http,
    HttpsProxy: host.proxies.https,
    NoProxy: host.proxies.exceptions,
    Name: host.name,
    Labels: [],
    ExperimentalBuild: false,
    ServerVersion: build.version,
    Runtimes: host.runtimes,
    DefaultRuntime: host.defaultRuntime,
    Swarm: {
      NodeID: '',
      NodeAddr: '',
      LocalNodeState: 'inactive',
      ControlAvailable: false,
      Error: '',
      RemoteManagers: null,
    },
    LiveRestoreEnabled: true,
    Isolation: '',
    InitBinary: host.initBinary,
    ContainerdCommit: commit(''),
    RuncCommit: commit(plainVersion(host.runtimeVersion)),
    InitCommit: commit(''),
    SecurityOptions: securityOptions(
      [
        ...(host.appArmor ? ['name=apparmor'] : []),
        `name=seccomp,profile=${host.seccompProfile}`,
        ...(host.userNamespaces ? ['name=userns'] : []),
        ...(host.cgroupVersion === '2' ? ['name=cgroupns'] : []),
        // The word of Docker's that its client shows.
        ...(host.securityPreset === 'default' ? [] : [`name=silo,profile=${host.securityPreset}`]),
      ],
      minor,
    ),
    ...(minor < since.firewallBackend ? {} : { FirewallBackend: { Driver: 'nftables' } }),
    ...(minor < since.noExecutionDriver ? { ExecutionDriver: '<not supported>' } : {}),
    CDISpecDirs: host.cdiSpecDirs,
    ...(host.addressPools
      ? { DefaultAddressPools: host.addressPools.map(({ base, size }) => ({ Base: base, Size: size })) }
      : {}),
    Warnings: host.warnings.length === 0 ? null : host.warnings,
  };
}

/** `name=seccomp,profile=builtin`, or to old clients `seccomp`. */
function securityOptions(options: string[], minor: number): string[] {
  return minor < since.keyedSecurityOptions
    ? options.map((option) => option.replace(/^name=/, '').replace(/,.*$/, ''))
    : options;
}

/** Every limit that Docker names can be set on the hosts that the engine runs on; what only version 1 of cgroups has is named so. */
function limitsOf(
  host: HostFacts,
  minor: number,
): Pick<
  InfoJson,
  | 'MemoryLimit'
  | 'SwapLimit'
  | 'CpuCfsPeriod'
  | 'CpuCfsQuota'
  | 'CPUShares'
  | 'CPUSet'
  | 'PidsLimit'
  | 'OomKillDisable'
> & { KernelMemory?: boolean; KernelMemoryTCP?: boolean } {
  return {
    MemoryLimit: true,
    SwapLimit: true,
    ...(minor < since.noKernelMemoryTcp ? { KernelMemoryTCP: false } : {}),
    ...(minor < since.noKernelMemory ? { KernelMemory: false } : {}),
    CpuCfsPeriod: true,
    CpuCfsQuota: true,
    CPUShares: true,
    CPUSet: true,
    PidsLimit: true,
    OomKillDisable: host.cgroupVersion === '1',
  };
}

function registryConfigOf(host: HostFacts): InfoJson['RegistryConfig'] {
  const insecure = host.insecureRegistries.filter((name) => !name.includes('/'));
  const mirrorsOf = (name: string): string[] =>
    (host.registryMirrors[name] ?? []).map((address) => `${address}/`);
  const hosts = Object.fromEntries(
    [...new Set([...insecure, ...Object.keys(host.registryMirrors)])].map((Name) => [
      Name,
      { Name, Mirrors: mirrorsOf(Name), Secure: !insecure.includes(Name), Official: false },
    ]),
  );
  return {
    InsecureRegistryCIDRs: [
      '::1/128',
      '127.0.0.0/8',
      ...host.insecureRegistries.filter((name) => name.includes('/')),
    ],
    IndexConfigs: {
      ...hosts,
      'docker.io': { Name: 'docker.io', Mirrors: mirrorsOf('docker.io'), Secure: true, Official: true },
    },
    Mirrors: mirrorsOf('docker.io'),
  };
}
