import { splitPair } from '../../../foundation/base/split-pair.ts';
import { invalid, unsupported } from '../../../foundation/base/errors.ts';
import { defineCommand } from '../command.ts';
import type { OptionTable, OptionValues } from '../command.ts';
import type { DaemonOptions } from '../deps.ts';

const options = {
  bip: { kind: 'string', summary: 'Specify default-bridge IPv4 network' },
  bridge: {
    kind: 'string',
    short: 'b',
    summary: 'Name of the default bridge, which is made when it is not there',
  },
  'cgroup-parent': { kind: 'string', summary: 'Set parent cgroup for all containers' },
  config: {
    kind: 'string',
    summary: 'Daemon configuration file (default "/etc/silo/daemon.json", when it is there)',
    completion: 'files',
  },
  // Docker's name of the same.
  'config-file': { kind: 'string', summary: 'Daemon configuration file', completion: 'files', hidden: true },
  'data-root': { kind: 'string', summary: 'Root directory of persistent state (default "/var/lib/silo")' },
  debug: { kind: 'bool', short: 'D', summary: 'Enable debug mode' },
  'default-address-pool': {
    kind: 'strings',
    summary: 'Pool of IPv4 subnets for networks: base=10.201.0.0/16,size=24; may be repeated',
  },
  'cdi-spec-dir': {
    kind: 'list',
    summary: 'CDI specification directories to use (default "/etc/cdi" and "/var/run/cdi")',
  },
  'default-runtime': { kind: 'string', summary: 'Default OCI runtime for containers (default "crun")' },
  'published-ports': {
    kind: 'string',
    summary:
      'Who decides about published ports: "host-firewall" (the rules of the host for what comes in) or "docker" (nobody)',
  },
  'exec-root': { kind: 'string', summary: 'Root directory for execution state files (default "/run/silo")' },
  group: {
    kind: 'string',
    short: 'G',
    summary: 'Group that may use the socket (default "silo", else "docker", else only root)',
  },
  host: {
    kind: 'list',
    short: 'H',
    summary: 'Daemon socket(s) to listen on: unix:///path or tcp://address:port; may be repeated',
  },
  'init-path': { kind: 'string', summary: 'Path to the init binary', completion: 'files' },
  'insecure-registry': {
    kind: 'list',
    summary: 'Registry that may be reached without a verified certificate',
  },
  'log-driver': { kind: 'string', summary: 'Default driver for container logs' },
  'log-level': {
    kind: 'string',
    short: 'l',
    summary: 'Set the logging level ("debug", "info", "warn", "error")',
    completion: ['debug', 'info', 'warn', 'error'],
  },
  'log-opt': { kind: 'map', summary: 'Default log driver options for containers' },
  'max-concurrent-downloads': { kind: 'int', summary: 'Set the max concurrent downloads' },
  'metrics-addr': {
    kind: 'string',
    summary: 'Serve metrics for Prometheus on this loopback address, such as 127.0.0.1:9323',
  },
  pidfile: { kind: 'string', short: 'p', summary: 'Path to use for daemon PID file', completion: 'files' },
  'registry-mirror': { kind: 'list', summary: 'Preferred registry mirror' },
  'add-runtime': { kind: 'list', summary: 'Register an additional OCI compatible runtime: name=path' },
  tls: {
    kind: 'bool',
    summary:
      '--tls=false serves tcp:// of this machine (loopback) without TLS: all its users may then be root',
  },
  tlscacert: {
    kind: 'string',
    summary: 'Only clients with a certificate of this CA may connect (default "/etc/silo/tls/ca.pem")',
    completion: 'files',
  },
  tlscert: {
    kind: 'string',
    summary: 'Path to TLS certificate file (default "/etc/silo/tls/server-cert.pem")',
    completion: 'files',
  },
  tlscrl: {
    kind: 'string',
    summary: 'Certificates of clients that are revoked (default "crl.pem" beside the CA, when it is there)',
    completion: 'files',
  },
  tlskey: {
    kind: 'string',
    summary: 'Path to TLS key file (default "/etc/silo/tls/server-key.pem")',
    completion: 'files',
  },
  tlsverify: { kind: 'bool', summary: 'Serve tcp:// with TLS, to clients with a certificate (see silo tls)' },
  'seccomp-profile': {
    kind: 'string',
    summary: 'Path to seccomp profile; "builtin", "hardened" or "unconfined" for one that the engine has',
    completion: 'files',
  },
  security: {
    kind: 'string',
    summary: 'Preset of containers without --security: "default", "hardened" or "restricted"',
    completion: ['default', 'hardened', 'restricted'],
  },
  userns: {
    kind: 'string',
    summary: 'What containers without --userns get: "auto" (ids of their own) or "host"',
    completion: ['auto', 'host'],
  },
  'userns-range': { kind: 'string', summary: 'Ids of the host for containers: FIRST:COUNT' },
  validate: { kind: 'bool', summary: 'Validate daemon configuration and exit' },
  // Docker's, which are understood and refused (`bin/daemon.ts`): better than a sentence about an unknown word.
  'default-gateway': {
    kind: 'string',
    summary: 'Default gateway IPv4 address for the default bridge network',
    hidden: true,
  },
  'fixed-cidr': { kind: 'string', summary: 'IPv4 subnet for the default bridge network', hidden: true },
  mtu: { kind: 'int', summary: 'Set the MTU of the default bridge network', hidden: true },
  dns: { kind: 'list', summary: 'DNS server to use', hidden: true },
  'dns-opt': { kind: 'list', summary: 'DNS options to use', hidden: true },
  'dns-search': { kind: 'list', summary: 'DNS search domains to use', hidden: true },
  'default-ulimit': { kind: 'ulimit', summary: 'Default ulimits for containers', hidden: true },
  label: { kind: 'list', summary: 'Set key=value labels to the daemon', hidden: true },
  'shutdown-timeout': { kind: 'int', summary: 'Set the shutdown timeout in seconds', hidden: true },
  'userns-remap': { kind: 'string', summary: 'User/Group setting for user namespaces', hidden: true },
} as const satisfies OptionTable;

export const command = defineCommand({
  name: 'daemon',
  summary: 'Run the engine in the foreground',
  description:
    'Run the engine in the foreground. What is not said here is read from /etc/silo/daemon.json (docs/configuration.md).',
  usage: '',
  options,
  args: { min: 0, max: 0 },
  examples: [
    'silo daemon',
    'silo daemon --validate --config ./daemon.json',
    'silo daemon --data-root /srv/silo --exec-root /run/silo2 -H unix:///run/silo2/silo.sock',
    'silo tls init && silo daemon -H unix:///run/silo/silo.sock -H tcp://0.0.0.0:2376 --tlsverify',
  ],
  run({ options, given, deps }) {
    if (!deps.runDaemon) throw unsupported('this program has no engine');
    return deps.runDaemon(toDaemonOptions(options, given));
  },
});

function toDaemonOptions(values: OptionValues<typeof options>, given: ReadonlySet<string>): DaemonOptions {
  return {
    ...texts(values, given),
    ...numbers(values, given),
    hosts: values.host,
    debug: values.debug,
    validate: values.validate,
    ...(given.has('config-file') ? { configFile: values['config-file'] } : {}),
    dns: values.dns,
    dnsSearch: values['dns-search'],
    dnsOptions: values['dns-opt'],
    cdiSpecDirs: values['cdi-spec-dir'],
    insecureRegistries: values['insecure-registry'],
    registryMirrors: values['registry-mirror'],
    addressPools: values['default-address-pool'],
    runtimes: values['add-runtime'].map(readRuntime),
    defaultUlimits: values['default-ulimit'],
    labels: values.label,
    logOptions: values['log-opt'],
    ...(given.has('tls') ? { tls: values.tls } : {}),
    ...(given.has('tlsverify') ? { tlsVerify: values.tlsverify } : {}),
  };
}

const textFields = {
  dataRoot: 'data-root',
  execRoot: 'exec-root',
  configFile: 'config',
  logLevel: 'log-level',
  bridge: 'bridge',
  bip: 'bip',
  publishedPorts: 'published-ports',
  fixedCidr: 'fixed-cidr',
  defaultGateway: 'default-gateway',
  defaultRuntime: 'default-runtime',
  initPath: 'init-path',
  cgroupParent: 'cgroup-parent',
  seccompProfile: 'seccomp-profile',
  security: 'security',
  logDriver: 'log-driver',
  userns: 'userns',
  usernsRange: 'userns-range',
  usernsRemap: 'userns-remap',
  pidFile: 'pidfile',
  metricsAddress: 'metrics-addr',
  group: 'group',
  tlsCaFile: 'tlscacert',
  tlsCertFile: 'tlscert',
  tlsKeyFile: 'tlskey',
  tlsCrlFile: 'tlscrl',
} as const satisfies Partial<Record<keyof DaemonOptions, keyof typeof options>>;

const numberFields = {
  mtu: 'mtu',
  maxConcurrentDownloads: 'max-concurrent-downloads',
  shutdownTimeoutSeconds: 'shutdown-timeout',
} as const satisfies Partial<Record<keyof DaemonOptions, keyof typeof options>>;

function texts(
  values: OptionValues<typeof options>,
  given: ReadonlySet<string>,
): Partial<Record<keyof typeof textFields, string>> {
  const entries = Object.entries(textFields).filter(([, option]) => given.has(option));
  return Object.fromEntries(entries.map(([field, option]) => [field, values[option]]));
}

function numbers(
  values: OptionValues<typeof options>,
  given: ReadonlySet<string>,
): Partial<Record<keyof typeof numberFields, number>> {
  const entries = Object.entries(numberFields).filter(([, option]) => given.has(option));
  return Object.fromEntries(entries.map(([field, option]) => [field, values[option]]));
}

function readRuntime(text: string): { name: string; path: string } {
  const [name, path] = splitPair(text);
  if (name === '' || path === undefined)
    throw invalid(`invalid runtime ${JSON.stringify(text)}: want name=path`);
  return { name, path };
}
