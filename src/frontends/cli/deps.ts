import type { GivenOptions } from '../../engine/registry/settings.ts';

/** What the entry point gives to the CLI: things that only `bin` may touch. */
export interface CliDeps {
  version: CliVersion;
  /** Runs the engine until it is told to stop; resolves to the exit code. */
  runDaemon?: (options: DaemonOptions) => Promise<number>;
  /** Examines the machine and prints; resolves to the exit code. */
  runDoctor?: (options: DoctorOptions) => Promise<number>;
  /** Restores the database of an engine that does not run; prints what was done and resolves to the exit code. */
  rebuildDatabase?: (options: { dataRoot?: string }) => Promise<number>;
  /** Serves a registry until it is told to stop; resolves to the exit code. */
  serveRegistry?: (options: RegistryServeOptions) => Promise<number>;
  /** Frees what nothing refers to in a registry that nobody serves, and prints what it did. */
  collectRegistry?: (options: RegistryCollectOptions) => Promise<number>;
  /** Starts the default daemon in the background and resolves when it listens. */
  startDaemon?: (options: { host: string; report: (line: string) => void }) => Promise<void>;
  /** Ends the engine that listens there and waits for its end; resolves to its process id. */
  stopDaemon?: (options: { host: string }) => Promise<number>;
}

export interface CliVersion {
  version: string;
  gitCommit: string;
  buildTime: string;
}

/** Only what was given on the command line; files and defaults are the daemon's business. */
export interface DaemonOptions {
  dataRoot?: string;
  execRoot?: string;
  hosts: string[];
  /** The standard file when absent. */
  configFile?: string;
  /** Only looks whether the settings are right. */
  validate: boolean;
  logLevel?: string;
  debug: boolean;
  bridge?: string;
  bip?: string;
  publishedPorts?: string;
  fixedCidr?: string;
  defaultGateway?: string;
  mtu?: number;
  dns: string[];
  dnsSearch: string[];
  dnsOptions: string[];
  cdiSpecDirs: string[];
  insecureRegistries: string[];
  registryMirrors: string[];
  addressPools: string[];
  defaultRuntime?: string;
  runtimes: { name: string; path: string }[];
  initPath?: string;
  cgroupParent?: string;
  defaultUlimits: string[];
  labels: string[];
  logDriver?: string;
  logOptions: string[];
  maxConcurrentDownloads?: number;
  shutdownTimeoutSeconds?: number;
  seccompProfile?: string;
  security?: string;
  userns?: string;
  usernsRange?: string;
  usernsRemap?: string;
  pidFile?: string;
  /** `127.0.0.1:9323` */
  metricsAddress?: string;
  /** Name or number of the group whose members may use the socket. */
  group?: string;
  /** `--tls` and `--tlsverify` as they were given; both may be switched off in words. */
  tls?: boolean;
  tlsVerify?: boolean;
  tlsCaFile?: string;
  tlsCertFile?: string;
  tlsKeyFile?: string;
  tlsCrlFile?: string;
}

export interface DoctorOptions {
  json: boolean;
  dataRoot?: string;
  execRoot?: string;
}

export interface RegistryServeOptions {
  /** What was on the command line, by the names of the options. */
  given: GivenOptions;
}

export interface RegistryCollectOptions {
  root?: string;
  dryRun: boolean;
  untagged: boolean;
}
