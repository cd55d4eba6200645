import { unsupported } from '../../../foundation/base/errors.ts';

const machines: Record<number, string> = {
  0x3e: 'amd64',
  0xb7: 'arm64',
  0xf3: 'riscv64',
  0x15: 'ppc64le',
  0x16: 's390x',
};
const loadInterpreter = 3;

/**
 * Architecture of a program that needs no other file to run. elf(5): a program header of type PT_INTERP names a dynamic loader, which an
 * image with this one program would not have.
 */
export function requireStatic(program: Buffer, path: string): string {
  const is64 = program.length >= 64 && program.readUInt32BE(0) === 0x7f454c46 && program[4] === 2;
  if (!is64 || program[5] !== 1)
    throw unsupported(`${path} is not a 64-bit little-endian program`, { code: 'not-static' });
  const architecture = machines[program.readUInt16LE(18)];
  if (architecture === undefined)
    throw unsupported(`${path} is for a processor that Silo does not know`, { code: 'not-static' });
  const offset = Number(program.readBigUInt64LE(32));
  const size = program.readUInt16LE(54);
  const count = program.readUInt16LE(56);
  for (let index = 0; index < count; index++) {
    const at = offset + index * size;
    if (at + 4 > program.length || program.readUInt32LE(at) === loadInterpreter)
      throw unsupported(`${path} is linked dynamically: alone in an image it would not run`, {
        code: 'not-static',
        hint: 'apt-get install busybox-static',
      });
  }
  return architecture;
}
