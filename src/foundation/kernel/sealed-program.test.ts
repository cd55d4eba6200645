import { expect, test } from 'bun:test';
import { spawnSync } from 'node:child_process';
import { closeSync, openSync, writeSync } from 'node:fs';
import { sealProgram } from './sealed-program.ts';

test('a sealed program runs, and cannot be written', () => {
  using program = sealProgram('/bin/echo');
  expect(spawnSync(program.path, ['hello']).stdout.toString()).toBe('hello\n');
  const fd = openSync(program.path, 'r+');
  expect(() => writeSync(fd, 'x')).toThrow('EPERM');
  closeSync(fd);
});
