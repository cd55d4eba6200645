/** Whether an attack gets through, by how the container was made. */
export interface Escape {
  /** What `kit.pl` calls it. */
  probe: string;
  /** For the table of docs/security.md. */
  idea: string;
  through: readonly Level[];
}

export type Level = 'default' | 'hardened' | 'privileged';

export const levels: Record<Level, { words: string; hostConfig: Record<string, unknown> }> = {
  default: { words: 'default', hostConfig: {} },
  hardened: { words: '`--security hardened`', hostConfig: { SecurityOpt: ['silo=hardened'] } },
  privileged: { words: '`--privileged`', hostConfig: { Privileged: true } },
};

const nobody: readonly Level[] = [];
const privileged: readonly Level[] = ['privileged'];
/** What Docker's default capabilities allow within the container's own network. */
const ordinary: readonly Level[] = ['default', 'privileged'];

const escape = (probe: string, through: readonly Level[], idea: string): Escape => ({ probe, through, idea });

/** The one source of the table in docs/security.md, and of what the test expects. */
export const escapes: readonly Escape[] = [
  escape('mount-tmpfs', privileged, 'mount a file system'),
  escape('mount-proc', privileged, 'mount a `/proc` that hides nothing'),
  escape('mount-cgroup', privileged, 'mount the control groups, to set a `release_agent` (CVE-2022-0492)'),
  escape('unshare-user-mount-cgroup', privileged, 'the same from a user namespace of its own'),
  escape('release-agent', nobody, 'write the `release_agent` of the mounted control groups'),
  escape('cgroup-write', privileged, 'leave its control group'),
  escape('device-allow', privileged, 'allow itself devices or controllers in its control group'),
  escape('remount-sys', privileged, 'make `/sys` writable'),
  escape('unmount-mask', nobody, 'unmount what hides `/proc/kcore`'),
  escape('fsopen', privileged, 'the new mount calls: `fsopen`'),
  escape('open-tree-clone', privileged, 'the new mount calls: `open_tree`'),
  escape('unshare-user', privileged, 'make a user namespace'),
  escape('unshare-mount', privileged, 'make a mount namespace'),
  escape('setns-init', privileged, 'enter a namespace through `/proc/1/ns`'),
  escape('pivot-root', privileged, 'change the root: `pivot_root`'),
  escape('chroot-breakout', nobody, 'climb out of the root by a second `chroot`'),
  escape('proc-1-root', nobody, 'reach the host through `/proc/1/root`'),
  escape('proc-cwd', nobody, 'reach the host through `/proc/self/cwd/../..`'),
  escape('leaked-descriptor', nobody, 'reach the host through a descriptor that the engine left open'),
  escape('leaked-descriptor-of-1', nobody, 'the same, through those of process 1'),
  escape('core-pattern', privileged, 'open `core_pattern` to have the host run a program'),
  escape('modprobe-path', privileged, 'open `kernel/modprobe` for the same'),
  escape('panic-sysctl', privileged, 'change a sysctl of the host'),
  escape('sysrq', privileged, 'open `/proc/sysrq-trigger`'),
  escape('sys-kernel', privileged, 'write below `/sys/kernel`'),
  escape('kcore', privileged, 'read the memory of the host through `/proc/kcore`'),
  escape('disk-by-mknod', privileged, 'make a device node of a disk and open it'),
  escape('memory-by-mknod', privileged, 'the same with `/dev/mem`'),
  escape('kernel-log-by-mknod', privileged, 'the same with `/dev/kmsg`'),
  escape('disk-in-dev', privileged, 'find a disk in `/dev`'),
  escape('see-host-process', nobody, 'see a process of the host'),
  escape('signal-host-process', nobody, 'send a signal to one'),
  escape('ptrace-host-process', nobody, 'trace one'),
  escape('read-host-memory', nobody, 'read its memory: `process_vm_readv`'),
  escape('open-by-handle', privileged, 'open files of the host by handle ("shocker")'),
  escape('abstract-socket', nobody, 'reach an abstract socket of the host (CVE-2020-15257)'),
  escape('raw-socket', ordinary, 'raw sockets on its own network'),
  escape('packet-socket', ordinary, 'packet sockets on its own network'),
  escape('vm-socket', privileged, 'sockets of virtual machines: `AF_VSOCK`'),
  escape('change-link', privileged, 'change its network links'),
  escape('bpf', privileged, '`bpf`'),
  escape('perf', privileged, '`perf_event_open`'),
  escape('userfaultfd', privileged, '`userfaultfd`'),
  escape('io-uring', privileged, '`io_uring_setup`'),
  escape('add-key', privileged, 'put a key into a keyring of the kernel'),
  escape('keyctl', privileged, 'look into keyrings: `keyctl`'),
  escape('load-module', privileged, 'load a kernel module'),
  escape('unload-module', privileged, 'unload one'),
  escape('kexec', privileged, 'start another kernel: `kexec_load`'),
  escape('reboot', privileged, 'reboot the machine'),
  escape('swapon', privileged, 'swap into a file'),
  escape('accounting', privileged, 'have the kernel write accounts into a file'),
  escape('set-clock', privileged, 'set the clock'),
  escape('kernel-log', privileged, 'read the log of the kernel'),
  escape('set-host-name', privileged, 'change its host name'),
  escape('raise-priority', privileged, 'take processor time from others: `nice` below zero'),
  escape('io-ports', privileged, 'talk to devices by I/O ports'),
];

/** What a user gives away by an option, and what not. */
export interface Gift {
  words: string;
  body: { User?: string; HostConfig: Record<string, unknown> };
  through: Readonly<Record<string, boolean>>;
  /** For the page. */
  means: string;
}

export const gifts = (socket: string): readonly Gift[] => [
  {
    words: '`--pid host`',
    body: { HostConfig: { PidMode: 'host' } },
    through: {
      'see-host-process': true,
      'signal-host-process': true,
      'ptrace-host-process': false,
      'read-host-memory': false,
      'proc-1-root': false,
      'setns-init': false,
      'leaked-descriptor-of-1': false,
    },
    means:
      'sees the host’s processes and may end those of its own user; does not trace them, nor get through `/proc/1/root`',
  },
  {
    words: '`--network host`',
    body: { HostConfig: { NetworkMode: 'host' } },
    through: { 'abstract-socket': true, 'change-link': false, 'vm-socket': false },
    means:
      'reaches abstract sockets of the host’s programs (none is the engine’s), and sees its traffic by raw sockets; changes no links',
  },
  {
    words: '`-v /run/silo/silo.sock:…`, as a user other than root',
    body: { User: '1000', HostConfig: { Binds: [`${socket}:/engine.sock`] } },
    through: { 'engine-socket': false },
    means: 'is not let in; as root it is root on the host, and a warning says so at create',
  },
];
