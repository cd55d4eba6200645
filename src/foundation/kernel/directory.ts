import { check, declare } from './libc.ts';

const c = {
  getdents64: declare<[number, Uint8Array, number]>('getdents64', 'int64', ['int', 'void*', 'size_t']),
};
const bufferBytes = 64 * 1024;

/**
 * getdents(2): the names in an open directory but `.` and `..`, one character a byte (latin1), in the directory's order. Needs no path, so it
 * works on a tree that others rename meanwhile and without /proc. Reads on from where the descriptor stands.
 */
export function readNames(fd: number): string[] {
  const names: string[] = [];
  const buffer = Buffer.alloc(bufferBytes);
  for (;;) {
    const length = check(c.getdents64(fd, buffer, buffer.length), 'getdents64');
    if (length === 0) return names;
    // struct linux_dirent64: d_ino 8, d_off 8, d_reclen 2, d_type 1, d_name.
    for (let at = 0; at < length; at += buffer.readUInt16LE(at + 16)) {
      const name = buffer.toString('latin1', at + 19, buffer.indexOf(0, at + 19));
      if (name !== '.' && name !== '..') names.push(name);
    }
  }
}
