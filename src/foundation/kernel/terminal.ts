import { check, declare, stableBytes } from './libc.ts';

const c = {
  tcgetattr: declare<[number, Uint8Array]>('tcgetattr', 'int', ['int', 'void*']),
  tcsetattr: declare<[number, number, Uint8Array]>('tcsetattr', 'int', ['int', 'int', 'void*']),
};
const TCSADRAIN = 1;
/** struct termios of the GNU C library: c_iflag, c_oflag, … 60 bytes. */
const termiosBytes = 60;
const outputFlags = 4;
const OPOST = 0o1;

/**
 * Stops the terminal driver from rewriting what is printed (`OPOST` of termios(3)) until disposed. Raw mode of the runtime leaves it on, so that line
 * ends of a terminal inside a container would be doubled to `\r\r\n`.
 */
export function passOutputThrough(fd: number): Disposable {
  const before = stableBytes(termiosBytes);
  check(c.tcgetattr(fd, before), 'tcgetattr');
  const flags = before.readUInt32LE(outputFlags);
  const set = (value: number): void => {
    const now = stableBytes(termiosBytes);
    check(c.tcgetattr(fd, now), 'tcgetattr');
    now.writeUInt32LE(value, outputFlags);
    check(c.tcsetattr(fd, TCSADRAIN, now), 'tcsetattr');
  };
  set(flags & ~OPOST);
  return { [Symbol.dispose]: () => set(flags) };
}
