import { lookup } from 'node:dns/promises';
import { isIP } from 'node:net';
import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import { invalid, SiloError, toSiloError, unavailable, unsupported } from '../../foundation/base/errors.ts';
import { closeDescriptor, openat } from '../../foundation/kernel/at.ts';
import { AT_FDCWD, O_PATH } from '../../foundation/kernel/flags.ts';
import { bindMount, makePrivate, mountAt } from '../../foundation/kernel/mount.ts';
import { isErrno } from '../../foundation/kernel/syscall-error.ts';
import { type MountCall, redactOptions } from './driver-options.ts';

/** Puts addresses where names of servers stand. */
export async function resolveServer(call: MountCall): Promise<MountCall> {
  if (call.kind !== 'filesystem' || !call.resolve) return call;
  const { option, host } = call.resolve;
  const { resolve: _, ...rest } = call;
  const address = isIP(host) === 0 ? await addressOf(host) : host;
  return { ...rest, options: { ...rest.options, [option]: address } };
}

async function addressOf(host: string): Promise<string> {
  try {
    return (await lookup(host)).address;
  } catch (cause) {
    throw unavailable(`error resolving passed in network volume address: lookup ${host}: no such host`, {
      code: 'unknown-host',
      hint: 'check addr= in the options of the volume, or write the address',
      cause,
    });
  }
}

/** Does it, in a process of its own: a server that does not answer holds whoever asks. */
export function mountVolume(call: MountCall, target: string): void {
  switch (call.kind) {
    case 'bind': {
      // Links in the path of the host are its administrator's.
      const source = openat(AT_FDCWD, call.source, O_PATH);
      try {
        bindMount({ source, target, recursive: call.recursive, attributes: call.attributes });
      } finally {
        closeDescriptor(source);
      }
      break;
    }
    case 'filesystem':
      mountAt({ type: call.type, options: call.options, attributes: call.attributes, target });
      break;
    case 'fuse':
      mountByProgram(call, target);
  }
  makePrivate(target, { recursive: true });
}

function mountByProgram(call: MountCall & { kind: 'fuse' }, target: string): void {
  const folders = ['/usr/sbin', '/sbin', '/usr/bin', '/bin', ...(process.env.PATH ?? '').split(delimiter)];
  const find = (name: string): string | undefined =>
    folders.map((folder) => join(folder, name)).find((path) => existsSync(path));
  const helper = find(`mount.fuse.${call.type}`);
  const general = find('mount.fuse3') ?? find('mount.fuse');
  if (helper === undefined && general === undefined)
    throw unsupported(`mount: unknown filesystem type 'fuse.${call.type}'`, {
      code: 'no-fuse',
      hint: `install the program that mounts it (on Debian: apt install fuse3${call.type === 'sshfs' ? ' sshfs' : ''})`,
    });
  const source = helper === undefined ? `${call.type}#${call.source}` : call.source;
  const words = [source, target, ...(call.options === '' ? [] : ['-o', call.options])];
  const { status, stderr } = spawnSync(helper ?? general ?? '', words, { encoding: 'utf8', timeout: 60_000 });
  if (status !== 0)
    throw invalid(redactOptions(stderr.trim().slice(-500)) || `mount.fuse ended with exit code ${status}`);
}

/** Bits of mount(2), as Docker shows them. */
const flagBits: Readonly<Record<string, number>> = {
  ro: 0x1,
  nosuid: 0x2,
  nodev: 0x4,
  noexec: 0x8,
  sync: 0x10,
  dirsync: 0x80,
  noatime: 0x400,
  nodiratime: 0x800,
  bind: 0x1000,
  rbind: 0x5000,
  relatime: 0x200000,
  strictatime: 0x1000000,
};

function describeOptions(o: string): string {
  const words = o.split(',').filter((word) => word !== '' && word !== 'defaults' && word !== 'rw');
  const flags = words.reduce((bits, word) => bits | (flagBits[word] ?? 0), 0);
  const data = words.filter((word) => flagBits[word] === undefined).join(',');
  return `${flags === 0 ? '' : `, flags: 0x${flags.toString(16)}`}${data === '' ? '' : `, data: ${redactOptions(data)}`}`;
}

/** Where a kernel finds what it lacks. */
const packages: Readonly<Record<string, string>> = {
  nfs: 'the kernel module nfs (modprobe nfs; on Debian also: apt install nfs-common)',
  nfs4: 'the kernel module nfsv4 (modprobe nfsv4; on Debian also: apt install nfs-common)',
  cifs: 'the kernel module cifs (modprobe cifs; on Debian also: apt install cifs-utils)',
  smb3: 'the kernel module cifs (modprobe cifs; on Debian also: apt install cifs-utils)',
  btrfs: 'the kernel module btrfs (modprobe btrfs)',
  xfs: 'the kernel module xfs (modprobe xfs)',
};

/** Docker's frame around what the kernel said, and what to do about it. */
export function explainMount(
  error: unknown,
  { options, target }: { options: Readonly<Record<string, string>>; target: string },
): SiloError {
  const { type = '', o = '', device = '' } = options;
  const what = `error while mounting volume '${target}': failed to mount local volume: mount ${device}:${target}${describeOptions(o)}`;
  const known = toSiloError(error);
  const said = (text: string, hint: string): SiloError =>
    new SiloError('invalid', `${what}: ${text}`, { code: 'volume-mount', hint, cause: error });
  if (isErrno(error, 'ENODEV') || known.code === 'enodev')
    return said(
      'no such device',
      `this kernel has no file system ${type}: it needs ${packages[type] ?? `a module for it (modprobe ${type})`}`,
    );
  const hints: Readonly<Record<string, [text: string, hint: string]>> = {
    enoent: ['no such file or directory', `device ${device} is not there: make it, or correct device=`],
    enotblk: ['block device required', 'device= must be a block device; losetup makes one of a file'],
    einval: [
      'invalid argument',
      `${type} refuses an option of o=, or ${device} does not hold such a file system`,
    ],
    eacces: ['permission denied', 'check the user and password in o=, and the exports of the server'],
    eperm: ['operation not permitted', 'check the rights of the engine and the exports of the server'],
    econnrefused: ['connection refused', 'the server answers, but not on this port'],
    etimedout: ['connection timed out', 'the server does not answer: check addr= and the network'],
    ebusy: ['device or resource busy', 'it is mounted elsewhere in another way'],
    enotdir: ['not a directory', 'a volume is a directory: device= must be one'],
  };
  const hint = hints[known.code];
  if (hint) return said(...hint);
  return new SiloError(known.kind, `${what}: ${redactOptions(known.message)}`, {
    code: 'volume-mount',
    hint: known.hint,
    cause: error,
  });
}
