import { check, declare } from './libc.ts';

const c = {
  ioctl: declare<[number, number, Uint16Array]>('ioctl', 'int', ['int', 'ulong', 'void*']),
};
const TIOCSWINSZ = 0x5414;

/** TIOCSWINSZ(2const) on either side of a terminal: the programs in its foreground get SIGWINCH when it is another size. */
export function setWindowSize(fd: number, { rows, columns }: { rows: number; columns: number }): void {
  check(c.ioctl(fd, TIOCSWINSZ, new Uint16Array([rows, columns, 0, 0])), 'ioctl TIOCSWINSZ');
}
