import { invalid } from '../../foundation/base/errors.ts';
import type { RuntimeSpec, SpecLinux, SpecSeccomp } from '../../foundation/oci/runtime-spec.ts';
import { toDeviceNodes, toDeviceRules } from './devices.ts';
import { initDestination, toMounts } from './mounts.ts';
import { toProcess } from './process.ts';
import { toResources } from './resources.ts';
import { seccompFor } from './seccomp-choice.ts';
import type { NamespaceChoice, SpecInput } from './spec.ts';

/** Kernel interfaces that tell or change too much; the list of Docker 28. */
export const defaultMaskedPaths: readonly string[] = [
  '/proc/asound',
  '/proc/acpi',
  '/proc/interrupts',
  '/proc/kcore',
  '/proc/keys',
  '/proc/latency_stats',
  '/proc/timer_list',
  '/proc/timer_stats',
  '/proc/sched_debug',
  '/proc/scsi',
  '/sys/firmware',
  '/sys/devices/virtual/powercap',
];

export const defaultReadonlyPaths: readonly string[] = [
  '/proc/bus',
  '/proc/fs',
  '/proc/irq',
  '/proc/sys',
  '/proc/sysrq-trigger',
];

/** Deterministic: equal input gives equal output. Kind `invalid` for unknown capabilities, ulimits and malformed profiles. */
export function toSpec(input: SpecInput): RuntimeSpec {
  const process = toProcess(input);
  if (input.initPath !== undefined) process.args = [initDestination, '--', ...process.args];
  return {
    ociVersion: '1.0.2',
    process,
    root: { path: input.rootfsPath, readonly: input.readonlyRootfs },
    ...(sharesHost(input.namespaces.uts) ? {} : { hostname: input.hostname }),
    ...(input.domainname ? { domainname: input.domainname } : {}),
    mounts: toMounts(input),
    ...(input.annotations ? { annotations: checkAnnotations(input.annotations) } : {}),
    ...(input.hooks ? { hooks: input.hooks } : {}),
    linux: toLinux(input, process.capabilities?.bounding ?? []),
  };
}

/** Some annotations are orders to crun (load this plugin, take that filter): they are not the user's to give. */
function checkAnnotations(annotations: Readonly<Record<string, string>>): Record<string, string> {
  const order = Object.keys(annotations).find((name) => name.startsWith('run.oci.'));
  if (order !== undefined)
    throw invalid(`annotation ${order} is not allowed`, {
      hint: 'names that begin with run.oci. steer the runtime',
    });
  return { ...annotations };
}

function toLinux(input: SpecInput, capabilities: readonly string[]): SpecLinux {
  const { security, devices } = input;
  const masked = pathList(security.privileged, security.maskedPaths, [
    ...defaultMaskedPaths,
    ...(input.host.extraMaskedPaths ?? []),
  ]);
  const readonly = pathList(security.privileged, security.readonlyPaths, defaultReadonlyPaths);
  const seccomp = toSeccomp(input, capabilities);
  const sysctl = toSysctls(input);
  return {
    namespaces: toNamespaces(input),
    ...(input.userMappings
      ? { uidMappings: input.userMappings.uid, gidMappings: input.userMappings.gid }
      : {}),
    ...(devices.length > 0 ? { devices: toDeviceNodes(devices) } : {}),
    cgroupsPath: input.cgroupsPath,
    resources: {
      ...toResources(input.resources, input.host),
      devices: toDeviceRules(security.privileged, devices, input.deviceRules),
    },
    ...(input.rootfsPropagation ? { rootfsPropagation: input.rootfsPropagation } : {}),
    ...(seccomp ? { seccomp } : {}),
    ...(Object.keys(sysctl).length > 0 ? { sysctl } : {}),
    ...(masked.length > 0 ? { maskedPaths: masked } : {}),
    ...(readonly.length > 0 ? { readonlyPaths: readonly } : {}),
  };
}

function pathList(
  privileged: boolean,
  requested: readonly string[] | undefined,
  defaults: readonly string[],
): string[] {
  if (requested) return [...requested];
  return privileged ? [] : [...defaults];
}

/** A privileged container has no filter unless the user names a profile. */
function toSeccomp(input: SpecInput, capabilities: readonly string[]): SpecSeccomp | undefined {
  const { seccomp, privileged } = input.security;
  if (privileged && seccomp === 'default') return undefined;
  const { host } = input;
  return host.seccomp ? host.seccomp(seccomp, capabilities) : seccompFor(seccomp, capabilities, host);
}

/** In a network namespace of its own any user may open low ports and send pings, as with Docker. */
function toSysctls(input: SpecInput): Record<string, string> {
  const own = input.namespaces.network === 'private';
  const ping = own ? { 'net.ipv4.ping_group_range': `0 ${lastGroup(input)}` } : {};
  const ports = own ? { 'net.ipv4.ip_unprivileged_port_start': '0' } : {};
  return { ...ping, ...ports, ...input.sysctls };
}

/** The kernel refuses a range with a group that the user namespace does not have. */
function lastGroup({ userMappings }: SpecInput): number {
  if (!userMappings) return 2_147_483_647;
  let next = 0;
  for (const { containerID, size } of userMappings.gid.toSorted((a, b) => a.containerID - b.containerID))
    if (containerID === next) next += size;
  return Math.max(next - 1, 0);
}

function toNamespaces(input: SpecInput): SpecLinux['namespaces'] {
  const { userMappings } = input;
  const { pid, network, ipc, uts, cgroup } = input.namespaces;
  const chosen = (type: SpecLinux['namespaces'][number]['type'], choice: NamespaceChoice) => {
    if (choice === 'host') return [];
    return [choice === 'private' ? { type } : { type, path: choice.path }];
  };
  return [
    { type: 'mount' },
    ...chosen('network', network),
    ...chosen('uts', uts),
    ...chosen('pid', pid),
    ...chosen('ipc', ipc),
    ...chosen('cgroup', cgroup),
    ...(userMappings
      ? [{ type: 'user' as const, ...(userMappings.path === undefined ? {} : { path: userMappings.path }) }]
      : []),
  ];
}

function sharesHost(choice: NamespaceChoice): boolean {
  return choice === 'host';
}
