import type { SpecSeccomp, SpecSyscallRule } from '../../foundation/oci/runtime-spec.ts';
import { defaultSeccomp, type SeccompHost } from './seccomp.ts';

/**
 * System calls of the default profile that servers do not make and that attacks on the kernel or on neighbours in the container do. Those that a
 * capability explains stay with it.
 */
const left: readonly { names: string; withCapability?: string }[] = [
  // Other processes' memory; debuggers ask for the capability.
  {
    names: 'ptrace process_vm_readv process_vm_writev kcmp pidfd_getfd process_madvise',
    withCapability: 'CAP_SYS_PTRACE',
  },
  // Their capabilities of their own open them; CAP_SYS_ADMIN alone does not.
  { names: 'bpf', withCapability: 'CAP_BPF' },
  { names: 'perf_event_open', withCapability: 'CAP_PERFMON' },
  { names: 'adjtimex clock_adjtime clock_adjtime64', withCapability: 'CAP_SYS_TIME' },
  { names: 'name_to_handle_at', withCapability: 'CAP_DAC_READ_SEARCH' },
  { names: 'fanotify_mark', withCapability: 'CAP_SYS_ADMIN' },
  { names: 'listmount statmount', withCapability: 'CAP_SYS_ADMIN' },
  // Doors of past kernel holes without users among servers. socketcall hides the address family from the filter.
  { names: 'modify_ldt remap_file_pages vmsplice memfd_secret process_mrelease lookup_dcookie socketcall' },
  // Answered below, by their arguments.
  { names: 'socket personality' },
];

// <linux/socket.h>: AF_UNIX, AF_INET, AF_INET6, AF_NETLINK; AF_PACKET only sends and reads raw frames.
const families = [1, 2, 10, 16];
const packetFamily = 17;
/** PER_LINUX, and the query. */
const personalities = [0, 0xffffffff];
const newUserNamespace = 0x10000000;

/**
 * The default profile with less: native system calls only, sockets of four families, no user namespaces, no looking into other processes, nothing
 * of bpf and perf. It has no keyrings, io_uring and userfaultfd either, as the default has none.
 */
export function hardenedSeccomp(capabilities: readonly string[], host: SeccompHost): SpecSeccomp {
  const held = new Set(capabilities);
  const without = new Set(
    left
      .filter(({ withCapability }) => withCapability === undefined || !held.has(withCapability))
      .flatMap(({ names }) => names.split(' ')),
  );
  const makesNamespaces = held.has('CAP_SYS_ADMIN');
  if (makesNamespaces) for (const name of ['clone', 'clone3', 'unshare']) without.add(name);
  const profile = defaultSeccomp(capabilities, host);
  const kept = (profile.syscalls ?? [])
    .map((rule) => ({ ...rule, names: rule.names.filter((name) => !without.has(name)) }))
    .filter(({ names }) => names.length > 0);
  return {
    ...profile,
    architectures: profile.architectures?.slice(0, 1) ?? [],
    syscalls: [
      ...kept,
      ...[...families, ...(held.has('CAP_NET_RAW') ? [packetFamily] : [])].map((value) =>
        whenEqual('socket', value),
      ),
      ...personalities.map((value) => whenEqual('personality', value)),
      ...(makesNamespaces ? otherNamespaces(host) : []),
    ],
  };
}

function whenEqual(name: string, value: number): SpecSyscallRule {
  return { names: [name], action: 'SCMP_ACT_ALLOW', args: [{ index: 0, value, op: 'SCMP_CMP_EQ' }] };
}

/** All kinds but user namespaces. The flags of clone3 are behind a pointer: ENOSYS makes libc use clone. */
function otherNamespaces({ architecture }: SeccompHost): SpecSyscallRule[] {
  const unset = (name: string, index: number): SpecSyscallRule => ({
    names: [name],
    action: 'SCMP_ACT_ALLOW',
    args: [{ index, value: newUserNamespace, valueTwo: 0, op: 'SCMP_CMP_MASKED_EQ' }],
  });
  return [
    unset('clone', architecture === 's390x' ? 1 : 0),
    unset('unshare', 0),
    { names: ['clone3'], action: 'SCMP_ACT_ERRNO', errnoRet: 38 },
  ];
}
