import type { IdMapping, RuntimeSpec, SpecMount, SpecSeccomp } from '../../foundation/oci/runtime-spec.ts';
import type { ResourceRequest } from './resources.ts';
import type { Ulimit } from './rlimits.ts';
import type { SeccompChoice, SeccompHost, SeccompMemory } from './seccomp.ts';

/**
 * Everything that decides a container's OCI runtime spec, already resolved: no names left to look up, no files left to read.
 * `toSpec` (to-spec.ts) turns it into a `RuntimeSpec` with Docker's defaults; `toExecProcess` (process.ts) makes the process of an
 * exec. Both are pure.
 */
export interface SpecInput {
  process: ProcessInput;
  /** Absolute path of the mounted root file system. */
  rootfsPath: string;
  readonlyRootfs: boolean;
  hostname: string;
  domainname?: string;
  /** Volumes, binds, tmpfs, and the files that the engine provides (`/etc/hosts` …). They replace default mounts of the same destination. */
  mounts: readonly MountInput[];
  namespaces: NamespaceChoices;
  shm: ShmChoice;
  security: SecurityInput;
  resources: ResourceRequest;
  /** `--device`, resolved; with `privileged` the engine gives all of the host's. */
  devices: readonly DeviceInput[];
  /** `--device-cgroup-rule`, parsed by `parseDeviceRule`. */
  deviceRules: readonly DeviceRule[];
  sysctls: Readonly<Record<string, string>>;
  /** Path of the container's control group below each hierarchy (`/silo/<id>`). */
  cgroupsPath: string;
  annotations?: Readonly<Record<string, string>>;
  /** A user namespace with these ids: of the container's own, or another's at the path, which has the same ones. */
  userMappings?: { uid: IdMapping[]; gid: IdMapping[]; path?: string };
  /** `private`, `rprivate`, `shared`, `rshared`, `slave`, `rslave`; shared and slave mounts raise it. */
  rootfsPropagation?: string;
  /** Programs of the host, from CDI files. */
  hooks?: RuntimeSpec['hooks'];
  /** Host path of a static init binary; given for `--init`. */
  initPath?: string;
  host: HostFacts;
}

export interface ProcessInput {
  /** Entrypoint and command. */
  args: readonly string[];
  /** `NAME=value`, over the defaults; `NAME` alone removes one. */
  env: readonly string[];
  cwd: string;
  user: ResolvedIdentity;
  terminal: boolean;
  terminalSize?: { columns: number; rows: number };
}

/** As `resolveUser` gives it. */
export interface ResolvedIdentity {
  uid: number;
  gid: number;
  additionalGids: readonly number[];
  /** Home folder, for `HOME` when the environment has none. */
  home: string;
}

/** `host` shares the engine's, `{ path }` joins another container's. */
export type NamespaceChoice = 'private' | 'host' | { path: string };

export interface NamespaceChoices {
  pid: NamespaceChoice;
  network: NamespaceChoice;
  ipc: NamespaceChoice;
  uts: NamespaceChoice;
  cgroup: NamespaceChoice;
}

/** What stands at `/dev/shm`: a tmpfs of our own, a folder of another owner (the host's or another container's), or nothing. */
export type ShmChoice = { sizeBytes: number } | { bindPath: string } | 'none';

export type MountInput =
  | {
      type: 'bind';
      source: string;
      destination: string;
      /** `true` covers mounts below the source too, where the kernel can (5.12). */
      readonly: boolean | 'non-recursive';
      /** Submounts of the source too (default) or not. */
      recursive?: boolean;
      propagation?: string;
      /** Shift owners by the container's mapping (kernel 5.12, `idmap`). */
      idmap?: boolean;
    }
  | { type: 'tmpfs'; destination: string; options: readonly string[] }
  /** As a CDI file has it. */
  | { type: 'given'; destination: string; mount: SpecMount };

export interface SecurityInput {
  privileged: boolean;
  capabilitiesAdd: readonly string[];
  capabilitiesDrop: readonly string[];
  noNewPrivileges: boolean;
  seccomp: SeccompChoice;
  apparmorProfile?: string;
  selinuxLabel?: string;
  /** undefined = the defaults; an empty list = none (`--security-opt systempaths=unconfined`). */
  maskedPaths?: readonly string[];
  readonlyPaths?: readonly string[];
  /** Of the mount of /proc: `hidepid=invisible`. */
  procOptions?: readonly string[];
  /** The container may divide its own control group further. */
  writableCgroups?: boolean;
}

export interface DeviceInput {
  hostPath: string;
  containerPath: string;
  type: 'c' | 'b';
  major: number;
  minor: number;
  /** Permission bits and owner of the host's node. */
  fileMode: number;
  uid: number;
  gid: number;
  /** Any of `r`, `w`, `m`. */
  permissions: string;
}

export interface DeviceRule {
  allow: boolean;
  type: 'a' | 'b' | 'c';
  /** undefined = any. */
  major?: number;
  minor?: number;
  access: string;
}

/** What the machine offers, asked once. */
export interface HostFacts extends SeccompHost {
  /** Remembers filters; without it each spec makes its own. */
  seccomp?: SeccompMemory;
  /** Capabilities that the engine holds; undefined = all. */
  capabilities?: readonly string[];
  /** Version of the control groups that limits are written to; `hybrid` counts as 1. */
  cgroupVersion: 1 | 2;
  /** Where the hierarchy `name=systemd` of version 1 is mounted; absent where it is not. */
  namedHierarchy?: string;
  /** Whether swap can be limited (memory.memsw.* or memory.swap.max exists). */
  swapLimit: boolean;
  /** Paths masked besides Docker's list, such as `/sys/devices/system/cpu/cpu0/thermal_throttle`. */
  extraMaskedPaths?: readonly string[];
  /** Most open files that the engine may grant; higher requests are lowered to it. undefined = no limit. */
  maximumOpenFiles?: number;
}

export type { ResourceRequest, SeccompChoice, SpecSeccomp, Ulimit };
