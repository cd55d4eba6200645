/**
 * A program for Python that tries what its arguments name and prints each with `ok`, or with the errno. Numbers of x86-64 and arm64 from
 * <asm/unistd.h>.
 */
export const tryCalls = `
import ctypes, errno, os, platform, socket, sys
libc = ctypes.CDLL(None, use_errno=True)
x86 = platform.machine() == 'x86_64'
def call(number, *words):
    if libc.syscall(ctypes.c_long(number), *[ctypes.c_long(word) for word in words]) < 0:
        raise OSError(ctypes.get_errno(), '')
def clone():
    NEWUSER, SIGCHLD = 0x10000000, 17
    if libc.syscall(ctypes.c_long(56 if x86 else 220), ctypes.c_long(NEWUSER | SIGCHLD), 0, 0, 0, 0) == 0: os._exit(0)
    if ctypes.get_errno(): raise OSError(ctypes.get_errno(), '')
attributes = ctypes.create_string_buffer(128)
attributes[0] = 1
attributes[4] = 128
params = ctypes.create_string_buffer(120)
tries = {
    'keyctl': lambda: call(250 if x86 else 219, 0, -3, 1, 0, 0),
    'io_uring': lambda: call(425, 4, ctypes.addressof(params)),
    'userfaultfd': lambda: call(323 if x86 else 282, 1),
    'bpf': lambda: call(321 if x86 else 280, 0, ctypes.addressof(params), 72),
    'perf': lambda: call(298 if x86 else 241, ctypes.addressof(attributes), 0, -1, -1, 0),
    'ptrace': lambda: call(101 if x86 else 117, 0, 0, 0, 0),
    'unshare-user': lambda: call(272 if x86 else 97, 0x10000000),
    'clone-user': clone,
    'vsock': lambda: socket.socket(40, socket.SOCK_STREAM),
    'alg': lambda: socket.socket(38, socket.SOCK_SEQPACKET),
    'packet': lambda: socket.socket(17, socket.SOCK_RAW),
    'can': lambda: socket.socket(29, socket.SOCK_RAW, 1),
    'unix': lambda: socket.socket(socket.AF_UNIX),
    'inet': lambda: socket.socket(socket.AF_INET),
}
for name in sys.argv[1:]:
    try:
        tries[name]()
        print(name, 'ok')
    except OSError as error:
        print(name, errno.errorcode.get(error.errno, error.errno))
    sys.stdout.flush()
`;
