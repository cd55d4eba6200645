import { posix } from 'node:path';
import { invalid } from '../../../foundation/base/errors.ts';
import { nearest } from '../../../foundation/base/nearest.ts';
import { defaultCapabilities } from '../../../resources/spec/capabilities.ts';
import { defaultMaskedPaths } from '../../../resources/spec/to-spec.ts';
import type { ContainerConfig, SecurityRequest } from '../config.ts';

/** `--security` of the CLI, `silo=PRESET` among the security options of the API. */
const securityPresets = ['default', 'hardened', 'restricted', 'system'] as const;
export type SecurityPreset = (typeof securityPresets)[number];

/** Kind `invalid` for an unknown one, with the nearest. */
export function parsePreset(text: string): SecurityPreset {
  const known = securityPresets.find((name) => name === text);
  if (known !== undefined) return known;
  const near = nearest(text, [...securityPresets], 1)[0];
  throw invalid(
    `unknown security preset ${JSON.stringify(text.slice(0, 60))}${near === undefined ? '' : `; did you mean ${near}?`}`,
    { code: 'unknown-security-preset', hint: `known are ${securityPresets.join(', ')}` },
  );
}

/** The preset that a container was made with. */
export function presetOf({ options }: Pick<SecurityRequest, 'options'>): SecurityPreset {
  const word = options.findLast((option) => presetWord.test(option));
  return word === undefined ? 'default' : parsePreset(word.replace(presetWord, ''));
}

const presetWord = /^silo[=:]/;

/**
 * What remains of Docker's 14 capabilities: enough to prepare folders as root, become another user, signal workers and open low ports, which is what
 * the entry points of nginx, PostgreSQL and Redis do.
 */
const hardenedCapabilities: readonly string[] = [
  'CAP_CHOWN',
  'CAP_DAC_OVERRIDE',
  'CAP_FOWNER',
  'CAP_SETGID',
  'CAP_SETUID',
  'CAP_NET_BIND_SERVICE',
  'CAP_KILL',
];

/** Of use to who looks for holes of the kernel, and to no server. */
const hardenedMaskedPaths: readonly string[] = [
  '/proc/config.gz',
  '/proc/iomem',
  '/proc/ioports',
  '/proc/kallsyms',
  '/proc/key-users',
  '/proc/kmsg',
  '/proc/modules',
  '/proc/pagetypeinfo',
  '/proc/slabinfo',
  '/proc/vmallocinfo',
  '/proc/zoneinfo',
  '/sys/fs/bpf',
  '/sys/fs/fuse',
  '/sys/fs/pstore',
  '/sys/kernel/btf',
  '/sys/kernel/debug',
  '/sys/kernel/security',
  '/sys/kernel/slab',
  '/sys/kernel/tracing',
];

const tight = ['no-new-privileges', 'seccomp=hardened', 'proc-opts=hidepid=invisible'];
/** Everybody in the container may write there; nothing in them may be run (the rules of tmpfs). */
const writable = { '/tmp': 'mode=1777', '/var/tmp': 'mode=1777', '/run': 'mode=1777' };
/** As an init finds them on a machine: programs may be run from them. */
const initPlaces = { '/run': 'exec,mode=755', '/run/lock': 'mode=1777', '/tmp': 'exec,mode=1777' };

/**
 * Writes a preset out into the request, which keeps its word: what holds is read in `inspect` like anything that was asked for. What the request
 * says itself wins. One that names none gets the engine's, unless it is privileged.
 */
export function applyPreset(given: ContainerConfig, ofEngine: SecurityPreset = 'default'): ContainerConfig {
  const config = ofEngine === 'default' ? given : withPreset(given, ofEngine);
  const preset = presetOf(config.security);
  if (preset === 'default') return config;
  if (config.security.privileged)
    throw contradiction(`a privileged container has no security preset, and ${preset} was asked for`);
  switch (preset) {
    case 'hardened': {
      const dropped = defaultCapabilities.filter((name) => !hardenedCapabilities.includes(name));
      return { ...config, security: tighten(config.security, dropped) };
    }
    case 'restricted':
      return {
        ...config,
        security: { ...tighten(config.security, ['ALL']), readOnlyRootfs: true },
        tmpfs: withTmpfs(config, writable),
      };
    case 'system':
      return systemContainer(config);
  }
}

function withPreset(config: ContainerConfig, preset: SecurityPreset): ContainerConfig {
  const { security } = config;
  if (security.privileged || security.options.some((option) => presetWord.test(option))) return config;
  return { ...config, security: { ...security, options: [`silo=${preset}`, ...security.options] } };
}

function tighten(security: SecurityRequest, drop: readonly string[]): SecurityRequest {
  return {
    ...security,
    capDrop: mergeDropped(security, drop),
    options: [...tight, ...security.options],
    maskedPaths: security.maskedPaths ?? [...defaultMaskedPaths, ...hardenedMaskedPaths],
  };
}

/** A capability that the request adds is not dropped by the preset. */
function mergeDropped({ capAdd, capDrop }: SecurityRequest, drop: readonly string[]): string[] {
  const added = new Set(capAdd.map(fullName));
  if (added.has('CAP_ALL')) return capDrop;
  const own = new Set(capDrop.map(fullName));
  const more = drop.filter((name) => !added.has(fullName(name)) && !own.has(fullName(name)));
  return [...capDrop, ...more];
}

const fullName = (name: string): string => `CAP_${name.toUpperCase().replace(/^CAP_/, '')}`;

/**
 * A machine of its own for an init and its services: it divides its own control group, /run is its own, and reboot(2) ends it. In a pid namespace that
 * call reaches nothing else (reboot(2)), hence the capability.
 */
function systemContainer(config: ContainerConfig): ContainerConfig {
  const { namespaces, security } = config;
  if (namespaces.pid !== '')
    throw contradiction('the preset system needs a pid namespace of its own: its init is process 1');
  if (namespaces.cgroup === 'host')
    throw contradiction('the preset system needs a control group namespace of its own');
  if (config.init) throw contradiction('the preset system runs the init of the image, not the one of --init');
  const mayReboot = [...security.capAdd, ...security.capDrop]
    .map(fullName)
    .some((name) => rebootWords.has(name));
  return {
    ...config,
    env: config.env.some((entry) => entry.startsWith('container='))
      ? config.env
      : ['container=silo', ...config.env],
    tmpfs: withTmpfs(config, initPlaces),
    namespaces: { ...namespaces, cgroup: 'private' },
    security: {
      ...security,
      capAdd: mayReboot ? security.capAdd : [...security.capAdd, 'CAP_SYS_BOOT'],
      options: ['writable-cgroups=true', ...security.options],
    },
  };
}

const rebootWords = new Set(['CAP_SYS_BOOT', 'CAP_ALL']);

/** Not where the request mounts something itself. */
function withTmpfs(config: ContainerConfig, places: Record<string, string>): ContainerConfig['tmpfs'] {
  const taken = new Set(
    [
      ...config.binds.map((word) => word.split(':')[1] ?? ''),
      ...config.mounts.map((mount) => mount.target),
      ...Object.keys(config.tmpfs),
    ].map((path) => posix.join('/', path, '.')),
  );
  const free = Object.entries(places).filter(([path]) => !taken.has(path));
  return { ...Object.fromEntries(free), ...config.tmpfs };
}

function contradiction(message: string): Error {
  return invalid(message, { code: 'security-contradiction' });
}
