/**
 * Programs of a few bytes that make one system call through the 32-bit table of an x86 kernel (`int 0x80`), from 32-bit and from 64-bit code. They end with 0
 * when the call was done, else with its errno.
 */
export interface OldCall {
  name: string;
  /** Of the i386 table. */
  number: number;
  /** In ebx, ecx, edx, esi, edi; `data` is the address of the words. */
  words?: readonly (number | 'data')[];
  data?: readonly number[];
}

/** Elf of either class, loaded at one place that 32 bits name. */
export function elfOf(call: OldCall, bits: 32 | 64): Buffer {
  const head = bits === 32 ? 52 + 32 : 64 + 56;
  const code = codeOf(call, (size) => base + head + size);
  const data = Buffer.alloc(4 * (call.data?.length ?? 0));
  for (const [index, word] of (call.data ?? []).entries()) data.writeUInt32LE(word, 4 * index);
  const body = Buffer.concat([code, data]);
  return Buffer.concat([bits === 32 ? head32(body.length) : head64(body.length), body]);
}

const base = 0x0804_8000;
/** `mov REGISTER, word` for ebx, ecx, edx, esi, edi. */
const moves = [0xbb, 0xb9, 0xba, 0xbe, 0xbf];
const exit = 1;

/** Every instruction is the same in both modes. */
function codeOf({ number, words = [] }: OldCall, at: (size: number) => number): Buffer {
  const size = 5 * (words.length + 1) + ending.length;
  const move = (opcode: number, word: number): Buffer => {
    const bytes = Buffer.alloc(5, opcode);
    bytes.writeUInt32LE(word >>> 0, 1);
    return bytes;
  };
  return Buffer.concat([
    move(0xb8, number),
    ...words.map((word, index) => move(moves[index] ?? 0x90, word === 'data' ? at(size) : word)),
    ending,
  ]);
}

const ending = Buffer.from(
  [
    [0xcd, 0x80], // int 0x80
    [0x31, 0xdb], // xor ebx, ebx
    [0x85, 0xc0], // test eax, eax
    [0x79, 0x04], // jns +4
    [0xf7, 0xd8], // neg eax
    [0x89, 0xc3], // mov ebx, eax
    [0xb8, exit, 0, 0, 0],
    [0xcd, 0x80],
  ].flat(),
);

/** elf(5): one segment, readable and executable. */
function head32(size: number): Buffer {
  const head = Buffer.alloc(52 + 32);
  head.set([0x7f, 0x45, 0x4c, 0x46, 1, 1, 1]);
  head.writeUInt16LE(2, 16);
  head.writeUInt16LE(3, 18);
  head.writeUInt32LE(1, 20);
  head.writeUInt32LE(base + head.length, 24);
  head.writeUInt32LE(52, 28);
  for (const [place, value] of [
    [40, 52],
    [42, 32],
    [44, 1],
  ] as const)
    head.writeUInt16LE(value, place);
  for (const [index, value] of [
    1,
    0,
    base,
    base,
    head.length + size,
    head.length + size,
    5,
    0x1000,
  ].entries())
    head.writeUInt32LE(value, 52 + 4 * index);
  return head;
}

function head64(size: number): Buffer {
  const head = Buffer.alloc(64 + 56);
  head.set([0x7f, 0x45, 0x4c, 0x46, 2, 1, 1]);
  head.writeUInt16LE(2, 16);
  head.writeUInt16LE(62, 18);
  head.writeUInt32LE(1, 20);
  head.writeBigUInt64LE(BigInt(base + head.length), 24);
  head.writeBigUInt64LE(64n, 32);
  for (const [place, value] of [
    [52, 64],
    [54, 56],
    [56, 1],
  ] as const)
    head.writeUInt16LE(value, place);
  head.writeUInt32LE(1, 64);
  head.writeUInt32LE(5, 68);
  for (const [index, value] of [0, base, base, head.length + size, head.length + size, 0x1000].entries())
    head.writeBigUInt64LE(BigInt(value), 72 + 8 * index);
  return head;
}

const newUser = 0x1000_0000;

/** What the default profile refuses, and what shows that the programs work at all. */
export const oldCalls: readonly OldCall[] = [
  { name: 'getpid', number: 20 },
  { name: 'mount', number: 21, words: ['data', 'data', 'data', 0, 0], data: [0x65_6e_6f_6e, 0] },
  { name: 'stime', number: 25, words: [0] },
  { name: 'acct', number: 51, words: [0] },
  { name: 'umount2', number: 52, words: ['data', 0], data: [0x2f] },
  { name: 'swapon', number: 87, words: [0, 0] },
  { name: 'reboot', number: 88, words: [0, 0, 0, 0] },
  { name: 'iopl', number: 110, words: [3] },
  { name: 'init_module', number: 128, words: [0, 0, 0] },
  { name: 'delete_module', number: 129, words: [0, 0] },
  { name: 'vm86', number: 166, words: [0, 0] },
  { name: 'pivot_root', number: 217, words: ['data', 'data'], data: [0x2f] },
  { name: 'clock_settime', number: 264, words: [0, 0] },
  { name: 'kexec_load', number: 283, words: [0, 0, 0, 0] },
  { name: 'add_key', number: 286, words: [0, 0, 0, 0, -2] },
  { name: 'keyctl', number: 288, words: [0, -3, 1] },
  { name: 'unshare', number: 310, words: [newUser] },
  { name: 'clone', number: 120, words: [newUser | 17, 0, 0, 0, 0] },
  { name: 'perf_event_open', number: 336, words: [0, 0, -1, -1, 0] },
  { name: 'open_by_handle_at', number: 342, words: [-1, 0, 0] },
  { name: 'setns', number: 346, words: [-1, 0] },
  { name: 'bpf', number: 357, words: [0, 0, 0] },
  { name: 'userfaultfd', number: 374, words: [1] },
  { name: 'clock_settime64', number: 404, words: [0, 0] },
  { name: 'io_uring_setup', number: 425, words: [1, 0] },
  { name: 'fsopen', number: 430, words: [0, 0] },
];

/** socketcall(2) keeps the family of a socket behind a pointer, where no filter sees it. */
export const oldSockets: readonly OldCall[] = [
  { name: 'vsock', number: 102, words: [1, 'data'], data: [40, 1, 0] },
  { name: 'inet', number: 102, words: [1, 'data'], data: [2, 1, 0] },
];
