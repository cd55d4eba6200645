import { addressOf, check, declare, EINVAL, ENOSYS, EPERM, lastErrno, stableBytes } from './libc.ts';

/*
 * A filter of system calls for helper processes of ours that read what strangers wrote (seccomp(2)). As with `confine.ts`: for the whole process and for
 * good, never call it in the engine.
 */

/** x86-64 and arm64, as <asm/unistd.h> has them; -1 where there is none. What starts programs, leaves the tree, opens connections, or asks the kernel for more. */
const forbidden: Readonly<Record<string, readonly [number, number]>> = {
  execve: [59, 221],
  execveat: [322, 281],
  ptrace: [101, 117],
  process_vm_readv: [310, 270],
  process_vm_writev: [311, 271],
  pidfd_getfd: [438, 438],
  mount: [165, 40],
  umount2: [166, 39],
  pivot_root: [155, 41],
  chroot: [161, 51],
  unshare: [272, 97],
  setns: [308, 268],
  open_tree: [428, 428],
  move_mount: [429, 429],
  fsopen: [430, 430],
  fsconfig: [431, 431],
  fsmount: [432, 432],
  fspick: [433, 433],
  mount_setattr: [442, 442],
  open_by_handle_at: [304, 265],
  socket: [41, 198],
  connect: [42, 203],
  bind: [49, 200],
  listen: [50, 201],
  accept: [43, 202],
  accept4: [288, 242],
  init_module: [175, 105],
  finit_module: [313, 273],
  delete_module: [176, 106],
  kexec_load: [246, 104],
  kexec_file_load: [320, 294],
  bpf: [321, 280],
  perf_event_open: [298, 241],
  userfaultfd: [323, 282],
  io_uring_setup: [425, 425],
  io_uring_enter: [426, 426],
  io_uring_register: [427, 427],
  add_key: [248, 217],
  request_key: [249, 218],
  keyctl: [250, 219],
  reboot: [169, 142],
  swapon: [167, 224],
  swapoff: [168, 225],
  acct: [163, 89],
  quotactl: [179, 60],
  settimeofday: [164, 170],
  clock_settime: [227, 112],
  sethostname: [170, 161],
  setdomainname: [171, 162],
  syslog: [103, 116],
  iopl: [172, -1],
  ioperm: [173, -1],
};

// <linux/audit.h>
const architectures = { x64: 0xc000003e, arm64: 0xc00000b7 };
const seccompNumber = { x64: 317, arm64: 277 };
// <linux/bpf_common.h>: load a word, jump if equal, jump if at least, return.
const [LOAD, EQUAL, AT_LEAST, RETURN] = [0x20, 0x15, 0x35, 0x06];
// <linux/seccomp.h>
const [ALLOW, KILL, REFUSE] = [0x7fff0000, 0x80000000, 0x00050001];
const [numberAt, architectureAt] = [0, 4];
const x32Bit = 0x40000000;
const SECCOMP_SET_MODE_FILTER = 1;
const SECCOMP_FILTER_FLAG_TSYNC = 1;

const seccompCall = declare<[number, number, number, Uint8Array]>('syscall', 'int64', [
  'int64',
  'int64',
  'int64',
  'void*',
]);

/**
 * All threads of this process get EPERM for these calls from here on. After `forbidNewPrivileges`. A kernel without filters, or a sandbox around us that allows none, is no error: the other
 * walls stand.
 */
export function forbidDangerousCalls(): void {
  const machine = process.arch === 'arm64' ? 'arm64' : 'x64';
  const filter = program(machine);
  const held = stableBytes(filter.length);
  held.set(filter);
  // struct sock_fprog: the number of instructions, and their address.
  const descriptor = stableBytes(16);
  descriptor.writeUInt16LE(filter.length / 8, 0);
  descriptor.writeBigUInt64LE(addressOf(held), 8);
  const result = seccompCall(
    seccompNumber[machine],
    SECCOMP_SET_MODE_FILTER,
    SECCOMP_FILTER_FLAG_TSYNC,
    descriptor,
  );
  if (result < 0 && [EINVAL, ENOSYS, EPERM].includes(lastErrno())) return;
  check(result, 'seccomp');
}

/** One `struct sock_filter` after another. */
function program(machine: keyof typeof architectures): Buffer {
  const numbers = Object.values(forbidden)
    .map(([x64, arm64]) => (machine === 'x64' ? x64 : arm64))
    .filter((number) => number >= 0);
  const otherAbi = machine === 'x64' ? [{ code: AT_LEAST, k: x32Bit }] : [];
  const tests = [...otherAbi, ...numbers.map((k) => ({ code: EQUAL, k }))];
  return Buffer.concat([
    instruction(LOAD, architectureAt),
    instruction(EQUAL, architectures[machine], 1),
    instruction(RETURN, KILL),
    instruction(LOAD, numberAt),
    // Each leads to the last instruction, over those that follow and over ALLOW.
    ...tests.map(({ code, k }, index) => instruction(code, k, tests.length - index)),
    instruction(RETURN, ALLOW),
    instruction(RETURN, REFUSE),
  ]);
}

function instruction(code: number, k: number, jumpIfTrue = 0): Buffer {
  const bytes = Buffer.alloc(8);
  bytes.writeUInt16LE(code, 0);
  bytes.writeUInt8(jumpIfTrue, 2);
  bytes.writeUInt32LE(k, 4);
  return bytes;
}
