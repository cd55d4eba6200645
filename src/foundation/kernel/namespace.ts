import { writeFileSync } from 'node:fs';
import { closeDescriptor, openat } from './at.ts';
import { AT_FDCWD, O_RDONLY } from './flags.ts';
import { addressOf, check, declare, stableBytes } from './libc.ts';

const c = {
  setns: declare<[number, number]>('setns', 'int', ['int', 'int']),
  clone: declare<[bigint, bigint, number, null]>('clone', 'int', ['intptr', 'intptr', 'int', 'void*']),
  waitpid: declare<[number, null, number]>('waitpid', 'int', ['int', 'void*', 'int']),
};
const CLONE_VM = 0x100;
const CLONE_VFORK = 0x4000;
const CLONE_NEWUSER = 0x10000000;
const CLONE_NEWNET = 0x40000000;
const WAIT_ALL = 0x40000000;

export type NamespaceKind = 'net' | 'mnt' | 'pid' | 'ipc' | 'uts' | 'user' | 'cgroup';

/** Opens /proc/PID/ns/KIND (namespaces(7)); the descriptor keeps the namespace alive. ENOENT when the process is gone. */
export function openNamespace(pid: number | 'self', kind: NamespaceKind): number {
  return openat(AT_FDCWD, `/proc/${pid === 'self' ? 'thread-self' : pid}/ns/${kind}`, O_RDONLY);
}

/**
 * Runs `work` with this thread inside another network namespace (setns(2)), then comes back. Only for opening a socket there: sockets stay
 * bound to the namespace that they were made in. `work` is strictly synchronous, so nothing else of the program sees the other
 * namespace; if the thread cannot come back the process aborts, because everything after it would act on the wrong network.
 */
export function inNetworkNamespace<T>(
  namespaceFd: number,
  work: () => T extends PromiseLike<unknown> ? never : T,
): T {
  const own = openNamespace('self', 'net');
  try {
    check(c.setns(namespaceFd, CLONE_NEWNET), 'setns');
    try {
      return work();
    } finally {
      if (c.setns(own, CLONE_NEWNET) < 0) process.abort();
    }
  } finally {
    closeDescriptor(own);
  }
}

/** `insideId` and the ones after it are `outsideId` and the ones after it, as in user_namespaces(7). */
export interface IdMapping {
  insideId: number;
  outsideId: number;
  count: number;
}

/**
 * A user namespace with these mappings and without any process, for idmapped mounts. A namespace is only made together with a process or by a
 * single-threaded one: clone(2) makes one that calls nothing but `_exit`, on a stack of its own, while we wait; the remains of it
 * still name the namespace until they are reaped.
 */
export function createUserNamespace(mappings: {
  users: readonly IdMapping[];
  groups: readonly IdMapping[];
}): number {
  const stack = stableBytes(65_536);
  const top = (addressOf(stack) + BigInt(stack.length)) & ~15n;
  const flags = CLONE_NEWUSER | CLONE_VM | CLONE_VFORK;
  const pid = check(c.clone(addressOf('_exit'), top, flags, null), 'clone');
  try {
    writeFileSync(`/proc/${pid}/uid_map`, formatMappings(mappings.users));
    writeFileSync(`/proc/${pid}/gid_map`, formatMappings(mappings.groups));
    return openNamespace(pid, 'user');
  } finally {
    c.waitpid(pid, null, WAIT_ALL);
  }
}

function formatMappings(mappings: readonly IdMapping[]): string {
  return mappings.map((m) => `${m.insideId} ${m.outsideId} ${m.count}\n`).join('');
}
