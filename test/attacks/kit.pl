# Tries what escape kits try, each in a process of its own, and prints `NAME yes` when it got through or `NAME no ERRNO`. Where success would
# hurt, it goes only so far that the kernel has asked who may: a file is opened and not written, a call gets arguments that are refused later.
# Perl because perl-base is on every Debian and can make any system call without modules.
#   perl kit.pl ARCH CANARY ABSTRACT HOSTPID [NAME…]
my ($arch, $canary, $abstract, $hostpid, @wanted) = @ARGV;
my %numbers = (
  x64 => {
    mount => 165, umount2 => 166, unshare => 272, setns => 308, pivot_root => 155, fsopen => 430, open_tree => 428,
    ptrace => 101, process_vm_readv => 310, bpf => 321, perf_event_open => 298, userfaultfd => 323,
    io_uring_setup => 425, add_key => 248, keyctl => 250, init_module => 175, delete_module => 176,
    kexec_load => 246, reboot => 169, swapon => 167, acct => 163, clock_settime => 227, clock_gettime => 228,
    syslog => 103, open_by_handle_at => 304, sethostname => 170, setpriority => 141,
    mknodat => 259, iopl => 172,
  },
  arm64 => {
    mount => 40, umount2 => 39, unshare => 97, setns => 268, pivot_root => 41, fsopen => 430, open_tree => 428,
    ptrace => 117, process_vm_readv => 270, bpf => 280, perf_event_open => 241, userfaultfd => 282,
    io_uring_setup => 425, add_key => 217, keyctl => 219, init_module => 105, delete_module => 106,
    kexec_load => 104, reboot => 142, swapon => 224, acct => 89, clock_settime => 112, clock_gettime => 113,
    syslog => 116, open_by_handle_at => 265, sethostname => 161, setpriority => 140,
    mknodat => 33,
  },
);
my %nr = %{ $numbers{$arch} };
my ($EPERM, $ENOENT, $EINTR, $ENOEXEC, $EFAULT, $EBUSY, $ENODEV, $EINVAL, $EOPNOTSUPP, $ESTALE) =
  (1, 2, 4, 8, 14, 16, 19, 22, 95, 116);
my $zeros = "\0" x 4096;

# Whether the call got past the question who may; errors that only come after it count as success.
sub call { my ($name, $arguments, @later) = @_; return passed(syscall($nr{$name}, @$arguments) != -1, @later) }
sub passed { my ($done, @later) = @_; return $done || scalar grep { $! == $_ } @later }
sub may_write { my $path = shift; return defined open(my $file, '+<', $path) }
sub may_read { my $path = shift; my ($file, $text); return open($file, '<', $path) && sysread($file, $text, 16) > 0 }
sub device { my ($path, $mode, $major, $minor) = @_;
  return 0 if syscall($nr{mknodat}, -100, $path, $mode, ($minor & 0xff) | ($major << 8)) == -1;
  # The group of devices is asked when it is opened.
  my $done = defined open(my $file, '<', $path);
  unlink $path;
  return $done;
}
# `glob` would need a module. FOLDER/*/NAME, or FOLDER/* without a name.
sub below { my ($folder, $name) = @_; opendir(my $list, $folder) or return ();
  return map { defined $name ? "$folder/$_/$name" : "$folder/$_" } grep { !/^\./ } readdir $list }
sub disks { map { my $file; open($file, '<', $_) && <$file> =~ /^(\d+):(\d+)/ ? [$1, $2] : () } below('/sys/class/block', 'dev') }

my %probes = (
  # namespaces and mounts
  'mount-tmpfs' => sub { mkdir '/tmp'; mkdir '/tmp/m'; call('mount', ['none', '/tmp/m', 'tmpfs', 0, '']) },
  'mount-proc' => sub { mkdir '/tmp'; mkdir '/tmp/p'; call('mount', ['proc', '/tmp/p', 'proc', 0, '']) },
  'mount-cgroup' => sub { mkdir '/tmp'; mkdir '/tmp/c';
    call('mount', ['none', '/tmp/c', 'cgroup', 0, 'memory'], $EBUSY) || call('mount', ['none', '/tmp/c', 'cgroup2', 0, ''], $EBUSY) },
  'remount-sys' => sub { call('mount', ['none', '/sys', '', 32 | 4096, '']) },
  # Where nothing is masked there is nothing to unmount: EINVAL.
  'unmount-mask' => sub { return 1 if call('umount2', ['/proc/kcore', 0]); $! = $ENOENT if $! == $EINVAL; return 0 },
  'fsopen' => sub { call('fsopen', ['tmpfs', 0]) },
  'open-tree-clone' => sub { call('open_tree', [-100, '/', 1]) },
  'unshare-user' => sub { call('unshare', [0x10000000]) },
  'unshare-mount' => sub { call('unshare', [0x20000]) },
  'unshare-user-mount-cgroup' => sub { mkdir '/tmp'; mkdir '/tmp/u';
    # With control groups, as CVE-2022-0492 does.
    return 0 if syscall($nr{unshare}, 0x10000000 | 0x2000000 | 0x20000) == -1;
    call('mount', ['none', '/tmp/u', 'cgroup', 0, 'memory'], $EBUSY) || call('mount', ['none', '/tmp/u', 'cgroup2', 0, ''], $EBUSY) },
  'setns-init' => sub { open(my $file, '<', '/proc/1/ns/mnt') or return 0; call('setns', [fileno($file), 0], $EINVAL) },
  'pivot-root' => sub { call('pivot_root', ['/tmp', '/tmp'], $EBUSY, $EINVAL) },
  'chroot-breakout' => sub { mkdir '/tmp'; mkdir '/tmp/jail'; chdir '/'; chroot '/tmp/jail' or return 0;
    chdir '..' for 1 .. 64; chroot '.'; return -e $canary },
  # the host through /proc
  'proc-1-root' => sub { -e "/proc/1/root$canary" },
  'proc-cwd' => sub { grep { -e "$_$canary" } map { "/proc/self/cwd" . ('/..' x $_) } 0 .. 32 },
  'leaked-descriptor' => sub { grep { my $fd = $_; -e "/proc/self/fd/$fd/../../../../../../../..$canary" || -e "/proc/self/fd/$fd$canary" } 0 .. 1024 },
  'leaked-descriptor-of-1' => sub { grep { -e "/proc/1/fd/$_/../../../../../../../..$canary" } 0 .. 256 },
  'core-pattern' => sub { may_write('/proc/sys/kernel/core_pattern') },
  'modprobe-path' => sub { may_write('/proc/sys/kernel/modprobe') },
  'sysrq' => sub { may_write('/proc/sysrq-trigger') },
  'panic-sysctl' => sub { may_write('/proc/sys/kernel/panic') },
  'kcore' => sub { may_read('/proc/kcore') },
  'sys-kernel' => sub { may_write('/sys/kernel/rcu_expedited') },
  'release-agent' => sub { grep { may_write($_) } '/sys/fs/cgroup/release_agent', below('/sys/fs/cgroup', 'release_agent') },
  'cgroup-write' => sub { grep { may_write($_) } '/sys/fs/cgroup/cgroup.procs', below('/sys/fs/cgroup', 'cgroup.procs') },
  'device-allow' => sub { grep { may_write($_) } '/sys/fs/cgroup/devices/devices.allow', '/sys/fs/cgroup/cgroup.subtree_control' },
  # devices
  'disk-by-mknod' => sub { grep { device('/tmp/disk', 060600, @$_) } disks() },
  'memory-by-mknod' => sub { device('/tmp/mem', 020600, 1, 1) },
  'kernel-log-by-mknod' => sub { device('/tmp/kmsg', 020600, 1, 11) },
  'disk-in-dev' => sub { grep { -b $_ } below('/dev') },
  # processes and files of others
  'see-host-process' => sub { -d "/proc/$hostpid" },
  'signal-host-process' => sub { passed(kill(0, $hostpid), $EPERM) },
  'ptrace-host-process' => sub { call('ptrace', [16, $hostpid, 0, 0]) },
  'read-host-memory' => sub { my $own = "\0" x 8; my $part = pack('PQ', $own, 8); my $theirs = pack('QQ', 0x10000, 8);
    call('process_vm_readv', [$hostpid, $part, 1, $theirs, 1, 0], $EFAULT) },
  'open-by-handle' => sub { open(my $file, '<', '/') or return 0;
    call('open_by_handle_at', [fileno($file), pack('IiQ', 8, 1, 2) . $zeros, 0], $ESTALE, $EOPNOTSUPP, $EINVAL) },
  'abstract-socket' => sub { socket(my $socket, 1, 1, 0) or return 0; connect($socket, pack('S', 1) . "\0" . $abstract) },
  # sockets
  'raw-socket' => sub { socket(my $socket, 2, 3, 1) },
  'packet-socket' => sub { socket(my $socket, 17, 3, 0x0300) },
  'vm-socket' => sub { passed(socket(my $socket, 40, 1, 0), 97) },
  'change-link' => sub { socket(my $socket, 2, 2, 0) or return 0;
    my $request = pack('a16 S x22', 'lo', 0x49); ioctl($socket, 0x8914, $request) },
  # kernel interfaces
  'bpf' => sub { call('bpf', [0, pack('IIII', 2, 4, 4, 1) . $zeros, 72]) },
  'perf' => sub { call('perf_event_open', [$zeros, 0, -1, -1, 0], $EFAULT, $EINVAL, $ENOENT, $EOPNOTSUPP, 7) },
  'userfaultfd' => sub { call('userfaultfd', [0]) },
  'io-uring' => sub { call('io_uring_setup', [1, "\0" x 256]) },
  'add-key' => sub { call('add_key', ['user', 'silo-attack', 'x', 1, -2]) },
  'keyctl' => sub { call('keyctl', [0, -3, 0], $EINVAL, 126) },
  'load-module' => sub { call('init_module', [$zeros, 64, ''], $ENOEXEC, $EFAULT, $EINVAL) },
  'unload-module' => sub { call('delete_module', ['silo_no_such_module', 2048], $ENOENT) },
  'kexec' => sub { call('kexec_load', [0, 1000, 0, 0], $EINVAL, $EBUSY) },
  'reboot' => sub { call('reboot', [0, 0, 0, 0], $EINVAL) },
  'swapon' => sub { call('swapon', ['/no/such/file', 0], $ENOENT) },
  'accounting' => sub { call('acct', ['/no/such/file'], $ENOENT) },
  'set-clock' => sub { my $now = "\0" x 16; syscall($nr{clock_gettime}, 0, $now); call('clock_settime', [0, $now]) },
  'kernel-log' => sub { my $text = "\0" x 4096; call('syslog', [3, $text, 4096]) },
  'set-host-name' => sub { call('sethostname', ['mallory', 7]) },
  'raise-priority' => sub { call('setpriority', [0, 0, -10]) },
  'io-ports' => sub { $nr{iopl} ? call('iopl', [3]) : 0 },
  'type-into-terminal' => sub { my $letter = 'x'; ioctl(STDIN, 0x5412, $letter) },
  'engine-socket' => sub { socket(my $socket, 1, 1, 0) or return 0; connect($socket, pack('S', 1) . "/engine.sock\0") },
);

$| = 1;
@wanted = sort grep { !/^(type-into-terminal|engine-socket)$/ } keys %probes unless @wanted;
mkdir '/tmp';
for my $name (@wanted) {
  my $child = fork;
  if ($child == 0) {
    $! = 0;
    # Numbers are small in here: that one may be this process.
    exit 3 if $hostpid == $$ && $name =~ /host-(process|memory)/;
    my $through = $probes{$name}->();
    # No error at all: there was nothing to try it on.
    exit($through ? 0 : $! == 0 ? $ENOENT : $! + 0);
  }
  waitpid($child, 0);
  print "$name ", $? == 0 ? 'yes' : $? & 127 ? 'no signal ' . ($? & 127) : 'no ' . ($? >> 8), "\n";
}
