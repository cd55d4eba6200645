import { parseUserNamespaceMode } from '../../../engine/container/userns/mode.ts';
import { posix } from 'node:path';
import { invalid } from '../../../foundation/base/errors.ts';
import type { HostConfigJson } from '../../../foundation/wire/docker/container-config.ts';
import { knownCapabilities } from '../../../resources/spec/capabilities.ts';
import { isEmpty, refuseUnless } from './refuse.ts';

/** Docker's checks of `HostConfig` that need nothing but the request, and the refusal of what is not supported. */
export function checkHostConfig(host: HostConfigJson): void {
  if ((host.ShmSize ?? 0) < 0) throw wrong('SHM size can not be less than 0');
  const score = host.OomScoreAdj ?? 0;
  if (score < -1000 || score > 1000)
    throw wrong(`Invalid value ${score}, range for oom score adj is [-1000, 1000]`);
  const policy = host.RestartPolicy?.Name ?? '';
  if (host.AutoRemove && policy !== '' && policy !== 'no')
    throw wrong(`can't create 'AutoRemove' container with restart policy`);
  checkModes(host);
  checkCapabilities('CapAdd', host.CapAdd);
  checkCapabilities('CapDrop', host.CapDrop);
  checkDevices(host);
  if (Object.hasOwn(host.Annotations ?? {}, ''))
    throw wrong('invalid Annotations: the empty string is not permitted as an annotation key');
  for (const [path, options] of Object.entries(host.Tmpfs ?? {})) checkTmpfs(path, options);
  const isolation = host.Isolation ?? '';
  if (isolation !== '' && isolation !== 'default')
    throw wrong(`Invalid isolation: ${JSON.stringify(isolation)} - linux only supports 'default'`);
  refuseUnless(isEmpty(host.Cgroup), 'HostConfig.Cgroup');
  refuseUnless(isEmpty(host.StorageOpt), 'HostConfig.StorageOpt');
}

function checkTmpfs(path: string, options: string): void {
  if (!path.startsWith('/')) throw wrong(`invalid mount path: '${path}' mount path must be absolute`);
  if (posix.normalize(path) === '/') throw wrong(`invalid specification: destination can't be '/'`);
  for (const option of options.split(',').filter(Boolean))
    if (!tmpfsOption.test(option)) throw wrong(`invalid tmpfs option ${JSON.stringify(option.slice(0, 80))}`);
}

/** mount(8): the options of every file system and those of tmpfs. */
const tmpfsOption =
  /^(defaults|r[ow]|(no)?(suid|dev|exec|mand|atime|diratime|relatime|strictatime|swap)|a?sync|dirsync|r?(private|shared|slave|unbindable)|(size|mode|uid|gid|nr_inodes|nr_blocks|mpol|huge)=[\w.%:@-]*)$/;

function checkCapabilities(field: 'CapAdd' | 'CapDrop', list: HostConfigJson['CapAdd']): void {
  for (const name of typeof list === 'string' ? [list] : (list ?? [])) {
    const full = `CAP_${name.toUpperCase().replace(/^CAP_/, '')}`;
    if (full !== 'CAP_ALL' && !knownCapabilities.includes(full))
      throw wrong(`invalid ${field}: unknown capability: ${JSON.stringify(full.slice(0, 80))}`);
  }
}

function checkDevices(host: HostConfigJson): void {
  for (const { CgroupPermissions } of host.Devices ?? [])
    if (!/^[rwm]{0,3}$/.test(CgroupPermissions))
      throw wrong(`invalid device mode: ${CgroupPermissions.slice(0, 80)}`);
}

function checkModes(host: HostConfigJson): void {
  const { PidMode = '', IpcMode = '', UTSMode = '', UsernsMode = '', CgroupnsMode = '' } = host;
  if (PidMode !== '' && PidMode !== 'host' && !isContainer(PidMode))
    throw wrong(`invalid PID mode: ${PidMode}`);
  if (!['', 'none', 'private', 'shareable', 'host'].includes(IpcMode) && !isContainer(IpcMode))
    throw wrong(`invalid IPC mode: ${IpcMode}`);
  if (UTSMode !== '' && UTSMode !== 'host') throw wrong(`invalid UTS mode: ${UTSMode}`);
  parseUserNamespaceMode(UsernsMode);
  if (!['', 'private', 'host'].includes(CgroupnsMode))
    throw wrong(`invalid cgroup namespace mode: ${CgroupnsMode}`);
}

const isContainer = (mode: string): boolean => /^container:./.test(mode);

function wrong(message: string): Error {
  return invalid(message, { code: 'bad-host-config' });
}
