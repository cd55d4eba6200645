import { expect, test } from 'bun:test';
import { readFileSync } from 'node:fs';
import { requireStatic } from './static-elf.ts';

test('a program that needs a loader is told from one that does not', () => {
  expect(() => requireStatic(readFileSync('/bin/sh'), '/bin/sh')).toThrow('/bin/sh is linked dynamically');
  expect(() => requireStatic(Buffer.from('#!/bin/sh\n'), 'x')).toThrow(
    'x is not a 64-bit little-endian program',
  );
  const elf = Buffer.alloc(64);
  elf.write('\u007fELF\u0002\u0001', 'latin1');
  elf.writeUInt16LE(0x3e, 18);
  expect(requireStatic(elf, 'x')).toBe('amd64');
  // A header table that lies outside of the file is not believed.
  elf.writeUInt16LE(9, 56);
  elf.writeUInt16LE(56, 54);
  elf.writeBigUInt64LE(1n << 40n, 32);
  expect(() => requireStatic(elf, 'x')).toThrow('x is linked dynamically');
});
