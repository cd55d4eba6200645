import type { OptionTable } from '../command.ts';
import { checkCgroupRule, parseThrottle, parseWeightDevice } from '../parse/device.ts';
import { checkEnv } from '../parse/env.ts';
import { checkLabel } from '../parse/key-value.ts';
import { parseMount } from '../parse/mount.ts';
import { checkAddress, parseExtraHost, parseNetwork } from '../parse/network.ts';
import { parseUlimit } from '../parse/ulimit.ts';

/** Options that describe a container: `run` and `create` have them in common. */
export const containerOptions = {
  'add-host': {
    kind: 'list',
    summary: 'Add a custom host-to-IP mapping (host:ip)',
    check: (text) => void parseExtraHost(text),
  },
  annotation: {
    kind: 'map',
    summary: 'Add an annotation to the container (passed through to the OCI runtime)',
  },
  attach: { kind: 'list', short: 'a', summary: 'Attach to STDIN, STDOUT or STDERR', check: checkStream },
  'blkio-weight': {
    kind: 'uint16',
    shown: '0',
    summary: 'Block IO (relative weight), between 10 and 1000, or 0 to disable',
  },
  'blkio-weight-device': {
    kind: 'list',
    shown: '[]',
    summary: 'Block IO weight (relative device weight)',
    check: (text) => void parseWeightDevice(text),
  },
  'cap-add': { kind: 'list', summary: 'Add Linux capabilities' },
  'cap-drop': { kind: 'list', summary: 'Drop Linux capabilities' },
  'cgroup-parent': { kind: 'string', summary: 'Optional parent cgroup for the container' },
  cgroupns: {
    kind: 'string',
    summary:
      "Cgroup namespace to use (host|private)\n'host':    Run the container in the host's cgroup namespace\n'private': Run the container in its own private cgroup namespace\n'':        Use the cgroup namespace as configured by the\n           default-cgroupns-mode option on the daemon (default)",
  },
  'cpu-count': { kind: 'int', summary: 'CPU count (Windows only)' },
  'cpu-percent': { kind: 'int', summary: 'CPU percent (Windows only)' },
  'cpu-period': { kind: 'int', summary: 'Limit CPU CFS (Completely Fair Scheduler) period' },
  'cpu-quota': { kind: 'int', summary: 'Limit CPU CFS (Completely Fair Scheduler) quota' },
  'cpu-rt-period': { kind: 'int', summary: 'Limit CPU real-time period in microseconds' },
  'cpu-rt-runtime': { kind: 'int', summary: 'Limit CPU real-time runtime in microseconds' },
  'cpu-shares': { kind: 'int', short: 'c', summary: 'CPU shares (relative weight)' },
  cpus: { kind: 'decimal', summary: 'Number of CPUs' },
  'cpuset-cpus': { kind: 'string', summary: 'CPUs in which to allow execution (0-3, 0,1)' },
  'cpuset-mems': { kind: 'string', summary: 'MEMs in which to allow execution (0-3, 0,1)' },
  device: { kind: 'list', summary: 'Add a host device to the container' },
  'device-cgroup-rule': {
    kind: 'list',
    summary: 'Add a rule to the cgroup allowed devices list',
    check: checkCgroupRule,
  },
  'device-read-bps': {
    kind: 'list',
    shown: '[]',
    summary: 'Limit read rate (bytes per second) from a device',
    check: (text) => void parseThrottle(text, 'bytes'),
  },
  'device-read-iops': {
    kind: 'list',
    shown: '[]',
    summary: 'Limit read rate (IO per second) from a device',
    check: (text) => void parseThrottle(text, 'operations'),
  },
  'device-write-bps': {
    kind: 'list',
    shown: '[]',
    summary: 'Limit write rate (bytes per second) to a device',
    check: (text) => void parseThrottle(text, 'bytes'),
  },
  'device-write-iops': {
    kind: 'list',
    shown: '[]',
    summary: 'Limit write rate (IO per second) to a device',
    check: (text) => void parseThrottle(text, 'operations'),
  },
  dns: { kind: 'list', summary: 'Set custom DNS servers', check: checkAddress },
  'dns-option': { kind: 'list', summary: 'Set DNS options' },
  'dns-search': { kind: 'list', summary: 'Set custom DNS search domains' },
  domainname: { kind: 'string', summary: 'Container NIS domain name' },
  entrypoint: { kind: 'string', summary: 'Overwrite the default ENTRYPOINT of the image' },
  env: { kind: 'list', short: 'e', summary: 'Set environment variables', check: checkEnv },
  'env-file': { kind: 'list', summary: 'Read in a file of environment variables', completion: 'files' },
  expose: { kind: 'list', summary: 'Expose a port or a range of ports' },
  gpus: { kind: 'gpu-request', summary: "GPU devices to add to the container ('all' to pass all GPUs)" },
  'group-add': { kind: 'list', summary: 'Add additional groups to join' },
  'health-cmd': { kind: 'string', summary: 'Command to run to check health' },
  'health-interval': { kind: 'duration', shown: '0s', summary: 'Time between running the check (ms|s|m|h)' },
  'health-on-failure': {
    kind: 'string',
    summary: 'What to do when the container becomes unhealthy (none|restart|stop|kill)',
    check: checkFailureAction,
    completion: ['none', 'restart', 'stop', 'kill'],
  },
  'health-retries': { kind: 'int', summary: 'Consecutive failures needed to report unhealthy' },
  'health-start-interval': {
    kind: 'duration',
    shown: '0s',
    summary: 'Time between running the check during the start period (ms|s|m|h)',
  },
  'health-start-period': {
    kind: 'duration',
    shown: '0s',
    summary:
      'Start period for the container to initialize before starting health-retries countdown (ms|s|m|h)',
  },
  'health-timeout': {
    kind: 'duration',
    shown: '0s',
    summary: 'Maximum time to allow one check to run (ms|s|m|h)',
  },
  hostname: { kind: 'string', short: 'h', summary: 'Container host name' },
  init: {
    kind: 'bool',
    summary: 'Run an init inside the container that forwards signals and reaps processes',
  },
  interactive: { kind: 'bool', short: 'i', summary: 'Keep STDIN open even if not attached' },
  'io-maxbandwidth': {
    kind: 'bytes',
    summary: 'Maximum IO bandwidth limit for the system drive (Windows only)',
  },
  'io-maxiops': { kind: 'uint', summary: 'Maximum IOps limit for the system drive (Windows only)' },
  ip: { kind: 'string', summary: 'IPv4 address (e.g., 172.30.100.104)' },
  ip6: { kind: 'string', summary: 'IPv6 address (e.g., 2001:db8::33)' },
  ipc: { kind: 'string', summary: 'IPC mode to use' },
  isolation: { kind: 'string', summary: 'Container isolation technology' },
  'kernel-memory': { kind: 'bytes', summary: 'Kernel memory limit' },
  label: { kind: 'list', short: 'l', summary: 'Set meta data on a container', check: checkLabel },
  'label-file': { kind: 'list', summary: 'Read in a line delimited file of labels', completion: 'files' },
  link: { kind: 'list', summary: 'Add link to another container', completion: 'containers' },
  'link-local-ip': { kind: 'list', summary: 'Container IPv4/IPv6 link-local addresses' },
  'log-driver': { kind: 'string', summary: 'Logging driver for the container' },
  'log-opt': { kind: 'list', summary: 'Log driver options' },
  'mac-address': { kind: 'string', summary: 'Container MAC address (e.g., 92:d0:c6:0a:29:33)' },
  memory: { kind: 'bytes', short: 'm', summary: 'Memory limit' },
  'memory-reservation': { kind: 'bytes', summary: 'Memory soft limit' },
  'memory-swap': {
    kind: 'bytes',
    summary: "Swap limit equal to memory plus swap: '-1' to enable unlimited swap",
  },
  'memory-swappiness': { kind: 'int', default: -1, summary: 'Tune container memory swappiness (0 to 100)' },
  mount: {
    kind: 'mount',
    summary: 'Attach a filesystem mount to the container',
    check: (text) => void parseMount(text),
  },
  network: {
    kind: 'network',
    summary: 'Connect a container to a network',
    check: (text) => void parseNetwork(text),
    completion: 'networks',
  },
  'network-alias': { kind: 'list', summary: 'Add network-scoped alias for the container' },
  'no-healthcheck': { kind: 'bool', summary: 'Disable any container-specified HEALTHCHECK' },
  'oom-kill-disable': { kind: 'bool', summary: 'Disable OOM Killer' },
  'oom-score-adj': { kind: 'int', summary: "Tune host's OOM preferences (-1000 to 1000)" },
  pid: { kind: 'string', summary: 'PID namespace to use' },
  'pids-limit': { kind: 'int', summary: 'Tune container pids limit (set -1 for unlimited)' },
  privileged: { kind: 'bool', summary: 'Give extended privileges to this container' },
  publish: { kind: 'list', short: 'p', summary: "Publish a container's port(s) to the host" },
  'publish-all': { kind: 'bool', short: 'P', summary: 'Publish all exposed ports to random ports' },
  'read-only': { kind: 'bool', summary: "Mount the container's root filesystem as read only" },
  restart: {
    kind: 'string',
    default: 'no',
    summary: 'Restart policy to apply when a container exits',
    completion: ['no', 'always', 'on-failure', 'unless-stopped'],
  },
  rm: {
    kind: 'bool',
    summary: 'Automatically remove the container and its associated anonymous volumes when it exits',
  },
  runtime: { kind: 'string', summary: 'Runtime to use for this container' },
  security: {
    kind: 'string',
    default: 'default',
    summary:
      'Security preset to start from: default, hardened, restricted, system; the engine may have another default',
    completion: ['default', 'hardened', 'restricted', 'system'],
  },
  'security-opt': { kind: 'list', summary: 'Security Options' },
  'shm-size': { kind: 'bytes', summary: 'Size of /dev/shm' },
  'stop-signal': { kind: 'string', summary: 'Signal to stop the container' },
  'stop-timeout': { kind: 'int', summary: 'Timeout (in seconds) to stop a container' },
  'storage-opt': { kind: 'list', summary: 'Storage driver options for the container' },
  sysctl: { kind: 'map', summary: 'Sysctl options', check: checkSysctl },
  tmpfs: { kind: 'list', summary: 'Mount a tmpfs directory' },
  tty: { kind: 'bool', short: 't', summary: 'Allocate a pseudo-TTY' },
  ulimit: { kind: 'ulimit', shown: '[]', summary: 'Ulimit options', check: (text) => void parseUlimit(text) },
  user: { kind: 'string', short: 'u', summary: 'Username or UID (format: <name|uid>[:<group|gid>])' },
  userns: { kind: 'string', summary: 'User namespace to use' },
  uts: { kind: 'string', summary: 'UTS namespace to use' },
  volume: { kind: 'list', short: 'v', summary: 'Bind mount a volume' },
  'volume-driver': { kind: 'string', summary: 'Optional volume driver for the container' },
  'volumes-from': {
    kind: 'list',
    summary: 'Mount volumes from the specified container(s)',
    completion: 'containers',
  },
  workdir: { kind: 'string', short: 'w', summary: 'Working directory inside the container' },
  help: { kind: 'bool', summary: 'Print usage' },
  // Docker's older names of the same.
  net: {
    kind: 'network',
    summary: 'Connect a container to a network',
    hidden: true,
    check: (text) => void parseNetwork(text),
  },
  'net-alias': { kind: 'list', summary: 'Add network-scoped alias for the container', hidden: true },
  'dns-opt': { kind: 'list', summary: 'Set DNS options', hidden: true },
} as const satisfies OptionTable;

/** Options about making it, that are no part of its description. */
export const creationOptions = {
  cidfile: { kind: 'string', summary: 'Write the container ID to the file', completion: 'files' },
  'disable-content-trust': { kind: 'bool', default: true, summary: 'Skip image verification' },
  name: { kind: 'string', summary: 'Assign a name to the container' },
  platform: { kind: 'string', summary: 'Set platform if server is multi-platform capable' },
  pull: {
    kind: 'string',
    default: 'missing',
    summary: 'Pull image before running ("always", "missing", "never")',
    completion: ['always', 'missing', 'never'],
  },
  quiet: { kind: 'bool', short: 'q', summary: 'Suppress the pull output' },
  'use-api-socket': { kind: 'bool', summary: 'Bind mount Docker API socket and required auth' },
} as const satisfies OptionTable;

function checkFailureAction(text: string): void {
  if (!['none', 'restart', 'stop', 'kill'].includes(text))
    throw new Error('valid actions are none, restart, stop and kill');
}

function checkStream(text: string): void {
  if (!['stdin', 'stdout', 'stderr'].includes(text.toLowerCase()))
    throw new Error('valid streams are STDIN, STDOUT and STDERR');
}

/** Only what belongs to the container's own namespaces may be set. */
function checkSysctl(text: string): void {
  const name = text.split('=')[0] ?? '';
  const known = [
    'kernel.msgmax',
    'kernel.msgmnb',
    'kernel.msgmni',
    'kernel.sem',
    'kernel.shmall',
    'kernel.shmmax',
    'kernel.shmmni',
    'kernel.shm_rmid_forced',
  ];
  if (
    text.includes('=') &&
    (known.includes(name) || name.startsWith('net.') || name.startsWith('fs.mqueue.'))
  )
    return;
  throw new Error(`sysctl '${text}' is not allowed`);
}
