import { existsSync, readFileSync } from 'node:fs';
import type { PublishedPortsPolicy } from '../../resources/network/host-firewall.ts';
import { type PoolSetting, readPools } from '../../resources/network/pool-setting.ts';
import {
  parseMirror,
  parseRegistries,
  type RegistrySettings,
} from '../../resources/distribution/registry-config.ts';
import { createProxyFor } from '../../resources/distribution/proxy.ts';
import { type GivenOptions, readRegistryObject } from '../registry/settings.ts';
import { parseRange } from '../container/userns/area.ts';
import { invalid } from '../../foundation/base/errors.ts';
import { hintForUnknownKey } from './unknown-key.ts';

/** What an engine is told; every field has a default. Declared once: flags, file and documentation follow these names. */
export interface EngineSettings {
  /** Images, containers, volumes, the database: what must survive a reboot. */
  dataRoot: string;
  /** Mounts, sockets, runtime state: gone with a reboot. */
  execRoot: string;
  /** Name of the default bridge. */
  bridge: string;
  /** Address of the default bridge with prefix (`172.29.0.1/16`); chosen so that it meets no route of the host when absent. */
  bip?: string;
  /** Who decides about published ports: the host's rules for what comes in, or (as with Docker) nobody. */
  publishedPorts: PublishedPortsPolicy;
  /** From which networks get their IPv4 subnets; pools of ours when absent. */
  addressPools?: PoolSetting[];
  insecureRegistries: string[];
  /** Mirrors of `docker.io`, with its tags. */
  registryMirrors: string[];
  /** By the host in the names of images. */
  registries: Record<string, RegistrySettings>;
  /** Folders in Docker's `certs.d` layout; the first that has one for a host counts. */
  registryCertificates: string[];
  /** For registries; what is absent comes from the environment. */
  proxies: ProxySettings;
  defaultRuntime: string;
  /** Further OCI runtimes by name; `crun` and `runc` are looked up. */
  runtimes: Record<string, string>;
  /** For each call of a runtime; one that takes longer is ended. */
  runtimeDeadlineMs: number;
  cgroupParent: string;
  maxConcurrentDownloads: number;
  /** Steps of builds that run at a time, of all builds; as many as there are processors when absent. */
  buildParallelism?: number;
  /** Compressed layers are deleted once they are unpacked and their registry can give them again. */
  dropPackedLayers: boolean;
  /** Bytes kept of the log of a container that gives no `max-size`. */
  logMaxBytes: number;
  /** Of all folders together that builds keep for `RUN --mount=type=cache`. */
  buildCacheMaxBytes: number;
  /** Folders of CDI device files, later ones win. */
  cdiSpecDirs: string[];
  /** Level of the disk (`85%`, `200GB`) above which unused images are removed; off when absent. */
  gcHighWater?: string;
  /** Level at which that stops; nine tenths of the high one when absent. */
  gcLowWater?: string;
  /** Of containers that name no driver, and options for that driver. */
  logDriver: string;
  logOptions: Record<string, string>;
  /** Where the machine's journal takes messages of the driver `journald`. */
  journalSocket: string;
  /** Of containers that name none: `builtin`, `hardened`, `unconfined`, or the path of a profile. */
  seccompProfile: string;
  /** What a container without `--security` starts from. */
  security: SecurityDefault;
  /** What a container without `--userns` gets: ids of its own, or the host's. */
  userns: UserNamespaceDefault;
  /** Ids of the host for containers, `FIRST:COUNT`; looked up in /etc/subuid when absent. */
  usernsRange?: string;
  /** Static init for `--init`; looked up when absent. */
  initPath?: string;
}

export type UserNamespaceDefault = 'auto' | 'host';
/** `system` is for single containers: it wants an init in the image. */
const securityDefaults = ['default', 'hardened', 'restricted'] as const;
export type SecurityDefault = (typeof securityDefaults)[number];

export interface ProxySettings {
  'http-proxy'?: string;
  'https-proxy'?: string;
  'no-proxy'?: string;
}

export const defaultSettings: EngineSettings = {
  dataRoot: '/var/lib/silo',
  execRoot: '/run/silo',
  bridge: 'silo0',
  publishedPorts: 'host-firewall',
  insecureRegistries: [],
  registryMirrors: [],
  registries: {},
  registryCertificates: ['/etc/silo/certs.d', '/etc/docker/certs.d'],
  proxies: {},
  defaultRuntime: 'crun',
  runtimes: {},
  runtimeDeadlineMs: 30_000,
  cgroupParent: '/silo',
  maxConcurrentDownloads: 3,
  dropPackedLayers: false,
  logMaxBytes: 100 * 1024 * 1024,
  buildCacheMaxBytes: 10 * 2 ** 30,
  cdiSpecDirs: ['/etc/cdi', '/var/run/cdi'],
  logDriver: 'json-file',
  logOptions: {},
  journalSocket: '/run/systemd/journal/socket',
  seccompProfile: 'builtin',
  security: 'default',
  userns: 'auto',
};

/** Keys of the configuration file, as in Docker's `daemon.json` where it has them. */
const keys: Record<
  string,
  {
    field: keyof EngineSettings | keyof DaemonFileSettings;
    type:
      | 'string'
      | 'policy'
      | 'preset'
      | 'userns'
      | 'range'
      | 'strings'
      | 'number'
      | 'flag'
      | 'runtimes'
      | 'texts'
      | 'registries'
      | 'mirrors'
      | 'proxies'
      | 'registry'
      | 'pools';
  }
> = {
  'data-root': { field: 'dataRoot', type: 'string' },
  'exec-root': { field: 'execRoot', type: 'string' },
  bridge: { field: 'bridge', type: 'string' },
  bip: { field: 'bip', type: 'string' },
  'published-ports': { field: 'publishedPorts', type: 'policy' },
  'default-address-pools': { field: 'addressPools', type: 'pools' },
  'insecure-registries': { field: 'insecureRegistries', type: 'strings' },
  'registry-mirrors': { field: 'registryMirrors', type: 'mirrors' },
  registries: { field: 'registries', type: 'registries' },
  'registry-certificates': { field: 'registryCertificates', type: 'strings' },
  proxies: { field: 'proxies', type: 'proxies' },
  'default-runtime': { field: 'defaultRuntime', type: 'string' },
  runtimes: { field: 'runtimes', type: 'runtimes' },
  'runtime-deadline-ms': { field: 'runtimeDeadlineMs', type: 'number' },
  'build-parallelism': { field: 'buildParallelism', type: 'number' },
  'cgroup-parent': { field: 'cgroupParent', type: 'string' },
  'max-concurrent-downloads': { field: 'maxConcurrentDownloads', type: 'number' },
  'drop-packed-layers': { field: 'dropPackedLayers', type: 'flag' },
  'log-max-bytes': { field: 'logMaxBytes', type: 'number' },
  'build-cache-max-bytes': { field: 'buildCacheMaxBytes', type: 'number' },
  'cdi-spec-dirs': { field: 'cdiSpecDirs', type: 'strings' },
  'gc-high-water': { field: 'gcHighWater', type: 'string' },
  'gc-low-water': { field: 'gcLowWater', type: 'string' },
  'log-driver': { field: 'logDriver', type: 'string' },
  'log-opts': { field: 'logOptions', type: 'texts' },
  'journal-socket': { field: 'journalSocket', type: 'string' },
  'seccomp-profile': { field: 'seccompProfile', type: 'string' },
  security: { field: 'security', type: 'preset' },
  userns: { field: 'userns', type: 'userns' },
  'userns-range': { field: 'usernsRange', type: 'range' },
  'init-path': { field: 'initPath', type: 'string' },
  hosts: { field: 'hosts', type: 'strings' },
  'log-level': { field: 'logLevel', type: 'string' },
  'metrics-addr': { field: 'metricsAddress', type: 'string' },
  group: { field: 'group', type: 'string' },
  tls: { field: 'tls', type: 'flag' },
  tlsverify: { field: 'tlsVerify', type: 'flag' },
  tlscacert: { field: 'tlsCaFile', type: 'string' },
  tlscert: { field: 'tlsCertFile', type: 'string' },
  tlskey: { field: 'tlsKeyFile', type: 'string' },
  tlscrl: { field: 'tlsCrlFile', type: 'string' },
  registry: { field: 'registry', type: 'registry' },
};

export const configurationKeys: readonly string[] = Object.keys(keys);

export type FileSettings = Partial<EngineSettings> & DaemonFileSettings;

/** What the daemon around the engine is told. */
interface DaemonFileSettings extends DoorSettings {
  hosts?: string[];
  logLevel?: string;
  metricsAddress?: string;
  /** A registry server that the daemon runs. */
  registry?: GivenOptions;
}

/** Who may ask. */
export interface DoorSettings {
  /** Name or number of the group whose members may use the socket. */
  group?: string;
  /** False in words, here or in `tlsVerify`: plain TCP on loopback addresses. */
  tls?: boolean;
  tlsVerify?: boolean;
  tlsCaFile?: string;
  tlsCertFile?: string;
  tlsKeyFile?: string;
  tlsCrlFile?: string;
}

/** Read when no file is named, if it is there. */
export const standardFile = '/etc/silo/daemon.json';

/** What the standard configuration file says; nothing when there is none. */
export const readStandardFile = (): FileSettings =>
  existsSync(standardFile) ? readSettingsFile(standardFile) : {};

/** Reads a configuration file (JSON). An unknown or mistyped key is an error that names it: a setting is never silently ignored. */
export function readSettingsFile(path: string): FileSettings {
  let parsed: unknown;
  try {
    parsed = JSON.parse(readFileSync(path, 'utf8'));
  } catch (cause) {
    throw invalid(`cannot read the configuration file ${path}: ${String(cause)}`, {
      code: 'bad-configuration',
      cause,
    });
  }
  if (typeof parsed !== 'object' || parsed === null || Array.isArray(parsed))
    throw invalid(`the configuration file ${path} must hold one JSON object`, { code: 'bad-configuration' });
  return Object.fromEntries(Object.entries(parsed).map(([key, value]) => readKey(path, key, value)));
}

function readKey(path: string, key: string, value: unknown): [string, unknown] {
  const known = Object.hasOwn(keys, key) ? keys[key] : undefined;
  if (!known)
    throw invalid(`the configuration file ${path} has an unknown key "${key}"`, {
      code: 'bad-configuration',
      hint: hintForUnknownKey(key, configurationKeys),
    });
  const wrong = (): Error =>
    invalid(`"${key}" in ${path} must be ${words[known.type]}`, { code: 'bad-configuration' });
  switch (known.type) {
    case 'string':
      if (typeof value !== 'string') throw wrong();
      return [known.field, value];
    case 'policy':
      return [known.field, parsePublishedPorts(value)];
    case 'preset':
      return [known.field, parseSecurityDefault(value)];
    case 'pools':
      return [known.field, readPools(value, `"${key}" in ${path}`)];
    case 'userns':
      return [known.field, parseUserNamespaceDefault(value)];
    case 'range':
      if (typeof value !== 'string') throw wrong();
      parseRange(value);
      return [known.field, value];
    case 'number':
      if (typeof value !== 'number' || !Number.isInteger(value) || value < 1) throw wrong();
      return [known.field, value];
    case 'flag':
      if (typeof value !== 'boolean') throw wrong();
      return [known.field, value];
    case 'strings':
      if (!Array.isArray(value) || !value.every((item) => typeof item === 'string')) throw wrong();
      return [known.field, value];
    case 'mirrors':
      if (!Array.isArray(value) || !value.every((item) => typeof item === 'string')) throw wrong();
      return [known.field, parseMirrors(value, `"${key}" in ${path}`)];
    case 'registries':
      return [known.field, parseRegistries(value, `"${key}" in ${path}`)];
    case 'registry':
      return [known.field, readRegistryObject(value, `"${key}" in ${path}`)];
    case 'proxies':
      if (!isTextMap(value)) throw wrong();
      return [known.field, checkProxies(value, `"${key}" in ${path}`)];
    case 'texts':
      if (!isTextMap(value)) throw wrong();
      return [known.field, value];
    case 'runtimes':
      if (typeof value !== 'object' || value === null) throw wrong();
      return [
        known.field,
        Object.fromEntries(
          Object.entries(value).map(([name, runtime]) => [name, runtimePath(runtime) ?? fail(wrong())]),
        ),
      ];
  }
}

/** Addresses of mirrors, checked and in one form. */
export function parseMirrors(addresses: readonly string[], where: string): string[] {
  return addresses.map((address) => parseMirror(address, { where, tags: true }).url);
}

/** All that is told of single registries, those of the older keys included. */
export function registrySettings({
  registries,
  registryMirrors,
}: Pick<EngineSettings, 'registries' | 'registryMirrors'>): Record<string, RegistrySettings> {
  if (registryMirrors.length === 0) return registries;
  const official = registries['docker.io'] ?? { mirrors: [], insecure: false, tokenServers: [] };
  const mirrors = registryMirrors.map((url) => ({ url, tags: true, insecure: false }));
  return { ...registries, 'docker.io': { ...official, mirrors: [...mirrors, ...official.mirrors] } };
}

function checkProxies(value: Record<string, string>, where: string): ProxySettings {
  const known = ['http-proxy', 'https-proxy', 'no-proxy'];
  const odd = Object.keys(value).find((key) => !known.includes(key));
  if (odd !== undefined)
    throw invalid(`${where} has an unknown key "${odd}"`, {
      code: 'bad-configuration',
      hint: `known keys: ${known.join(', ')}`,
    });
  createProxyFor(value);
  return value;
}

export function parsePublishedPorts(value: unknown): PublishedPortsPolicy {
  if (value === 'host-firewall' || value === 'docker') return value;
  throw invalid(`published-ports must be ${words.policy}`, { code: 'bad-configuration' });
}

export function parseSecurityDefault(value: unknown): SecurityDefault {
  const known = securityDefaults.find((name) => name === value);
  if (known !== undefined) return known;
  throw invalid(`security must be ${words.preset}`, {
    code: 'bad-configuration',
    ...(value === 'system'
      ? { hint: 'the preset system is for containers with an init: silo run --security system' }
      : {}),
  });
}

export function parseUserNamespaceDefault(value: unknown): UserNamespaceDefault {
  if (value === 'auto' || value === 'host') return value;
  throw invalid(`userns must be ${words.userns}`, { code: 'bad-configuration' });
}

const words = {
  string: 'text',
  preset: '"default", "hardened" or "restricted"',
  userns: '"auto" or "host"',
  range: 'text, FIRST:COUNT',
  policy: '"host-firewall" or "docker"',
  number: 'a whole number above 0',
  flag: 'true or false',
  strings: 'a list of texts',
  texts: 'an object of texts',
  runtimes: 'an object of { "path": … } by name',
  registries: 'an object of settings by registry',
  mirrors: 'a list of addresses',
  proxies: 'an object of texts',
  registry: 'an object of settings of a registry server',
  pools: 'a list of { "base": …, "size": … }',
};

function isTextMap(value: unknown): value is Record<string, string> {
  return (
    typeof value === 'object' &&
    value !== null &&
    !Array.isArray(value) &&
    Object.values(value).every((text) => typeof text === 'string')
  );
}

function runtimePath(value: unknown): string | undefined {
  const path: unknown = typeof value === 'object' && value !== null && 'path' in value ? value.path : value;
  return typeof path === 'string' ? path : undefined;
}

function fail(error: Error): never {
  throw error;
}
