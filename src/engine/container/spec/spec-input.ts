import { join } from 'node:path';
import { nameOfPair } from '../../../foundation/base/split-pair.ts';
import { type IdMappings, toOutside } from '../../../foundation/kernel/id-mapping.ts';
import type { IdMapping } from '../../../foundation/kernel/namespace.ts';
import type { Root } from '../../../foundation/kernel/rooted.ts';
import { parseDeviceRule } from '../../../resources/spec/devices.ts';
import type { MountInput, ResourceRequest, SpecInput } from '../../../resources/spec/spec.ts';
import type { ContainerRecord } from '../container.ts';
import type { Context } from '../context.ts';
import type { MountSources } from '../mounts/mount-sources.ts';
import type { DeviceEdits } from './device-requests.ts';
import { resolveDevices } from './host-devices.ts';
import { resolveSecurity } from './security.ts';
import { needsHostIds } from '../userns/owner-shift.ts';
import { resolveNamespaces, hostNames, resolveShm } from './namespace-choices.ts';
import { identify, withGroups } from './identity.ts';
import { toResourceRequest } from './resource-request.ts';

/** Joins the record with what was made for this run; reads the container's own user files through the root helper. */
export function toSpecInput(
  context: Context,
  record: ContainerRecord,
  run: {
    root: Root;
    rootfsPath: string;
    etcFiles: MountInput[];
    devices: DeviceEdits;
    sources: MountSources;
    /** Variables of linked containers. */
    links: readonly string[];
    /** Variables of this run alone. */
    env: readonly string[];
    /** Absent with the host's; `pid` is of the process whose namespace it joins. */
    userNamespace?: { mappings: IdMappings; pid?: number };
  },
): SpecInput {
  const { config } = record;
  const { settings } = context;
  const initPath = config.init ? settings.initBinary : '';
  const user = withGroups(identify(run.root, config.user, config.security.groupAdd), run.devices.groups);
  if (run.userNamespace) checkIds(user, run.userNamespace.mappings);
  return {
    process: {
      args: [record.path, ...record.args],
      env: mergeEnvironment(mergeEnvironment([...run.links, ...config.env], run.devices.env), run.env),
      cwd: config.workingDir || '/',
      user,
      terminal: config.terminal,
      ...(config.consoleSize ? { terminalSize: config.consoleSize } : {}),
    },
    rootfsPath: run.rootfsPath,
    readonlyRootfs: config.security.readOnlyRootfs,
    ...hostNames(context, config),
    mounts: [
      ...userMounts(record, run.sources),
      ...withoutOverridden(run.etcFiles, record),
      ...run.devices.mounts,
    ],
    namespaces: resolveNamespaces(context, config),
    shm: resolveShm(context, record),
    security: resolveSecurity(config.security, settings.security),
    resources: withoutPrivilegedScore(
      toResourceRequest(config, settings.lowestOomScore),
      run.userNamespace !== undefined,
    ),
    devices: [...resolveDevices(config), ...run.devices.devices],
    ...(run.devices.hooks ? { hooks: run.devices.hooks } : {}),
    deviceRules: config.deviceCgroupRules.map(parseDeviceRule),
    sysctls: config.sysctls,
    cgroupsPath: join(config.cgroupParent || settings.cgroupParent, record.id),
    annotations: config.annotations,
    ...propagationOf(record),
    ...(initPath ? { initPath } : {}),
    ...(run.userNamespace ? { userMappings: toUserMappings(run.userNamespace) } : {}),
    host: settings.host,
  };
}

/** Inside of a user namespace nobody may lower it; the engine does when the process is there. */
function withoutPrivilegedScore(request: ResourceRequest, isMapped: boolean): ResourceRequest {
  const { oomScoreAdj = 0, ...rest } = request;
  return isMapped && oomScoreAdj < 0 ? rest : request;
}

/** Ids of 32 bits, as directories of companies give them, are not in a container's range. */
function checkIds({ uid, gid, additionalGids }: SpecInput['process']['user'], mappings: IdMappings): void {
  const missing =
    toOutside(mappings.users, uid) === undefined
      ? `user id ${uid}`
      : [gid, ...additionalGids]
          .filter((id) => toOutside(mappings.groups, id) === undefined)
          .map((id) => `group id ${id}`)[0];
  if (missing !== undefined)
    throw needsHostIds(`its ${missing} is not one of the 65536 that a container has`);
}

function toUserMappings({
  mappings,
  pid,
}: {
  mappings: IdMappings;
  pid?: number;
}): NonNullable<SpecInput['userMappings']> {
  const inSpec = ({ insideId, outsideId, count }: IdMapping) => ({
    containerID: insideId,
    hostID: outsideId,
    size: count,
  });
  return {
    uid: mappings.users.map(inSpec),
    gid: mappings.groups.map(inSpec),
    ...(pid === undefined ? {} : { path: `/proc/${pid}/ns/user` }),
  };
}

/** Later entries win. */
function mergeEnvironment(env: readonly string[], more: readonly string[]): string[] {
  const named = new Set(more.map(nameOfPair));
  return [...env.filter((entry) => !named.has(nameOfPair(entry))), ...more];
}

function userMounts(record: ContainerRecord, sources: MountSources): MountInput[] {
  const binds = record.mounts.flatMap((mount): MountInput[] => {
    const nonRecursive = mount.kind !== 'bind' || mount.nonRecursive === true;
    const source = sources.get(mount.destination);
    // Nothing is below a file, and runtimes refuse to look (crun 1.8).
    const isShallow = mount.readOnlyNonRecursive === true || source?.isDirectory === false;
    const path = source?.path ?? mount.source;
    const common = {
      type: 'bind' as const,
      ...(nonRecursive ? { recursive: false } : {}),
      ...(mount.propagation ? { propagation: mount.propagation } : {}),
    };
    return [
      {
        ...common,
        source: path,
        destination: mount.destination,
        readonly: mount.readOnly && isShallow ? 'non-recursive' : mount.readOnly,
      },
      ...(source?.below ?? []).map(({ name, path: pinned }) => ({
        ...common,
        source: pinned,
        destination: join(mount.destination, name),
        readonly: mount.readOnly && mount.readOnlyNonRecursive !== true ? ('non-recursive' as const) : false,
      })),
    ];
  });
  const tmpfs = Object.entries(record.config.tmpfs).map(([destination, options]): MountInput => ({
    type: 'tmpfs',
    destination,
    options: options.split(',').filter((word) => word !== ''),
  }));
  const requested = record.config.mounts
    .filter((mount) => mount.type === 'tmpfs')
    .map((mount): MountInput => ({
      type: 'tmpfs',
      destination: mount.target,
      options: [
        ...(mount.readOnly ? ['ro'] : []),
        ...(mount.tmpfsSizeBytes ? [`size=${mount.tmpfsSizeBytes}`] : []),
        ...(mount.tmpfsMode === undefined ? [] : [`mode=${mount.tmpfsMode.toString(8)}`]),
        ...(mount.tmpfsOptions ?? []).map((words) => words.join('=')),
      ],
    }));
  return [...binds, ...tmpfs, ...requested];
}

/** A mount of the user's at `/etc/hosts` and the like wins over ours. */
function withoutOverridden(files: MountInput[], record: ContainerRecord): MountInput[] {
  const taken = new Set(record.mounts.map((mount) => mount.destination));
  return files.filter((file) => !taken.has(file.destination));
}

function propagationOf(record: ContainerRecord): { rootfsPropagation?: string } {
  const words = record.mounts.map((mount) => mount.propagation);
  if (words.some((word) => word.endsWith('shared'))) return { rootfsPropagation: 'shared' };
  if (words.some((word) => word.endsWith('slave'))) return { rootfsPropagation: 'rslave' };
  return {};
}
