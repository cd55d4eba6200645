import { expect, test } from 'bun:test';
import { closeSync, ftruncateSync, mkdtempSync, openSync, rmSync, writeSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { nextData, nextHole } from './holes.ts';

test('a file that was truncated meanwhile has neither data nor a hole behind its end', () => {
  const folder = mkdtempSync(join(tmpdir(), 'silo-holes-'));
  const fd = openSync(join(folder, 'file'), 'w+');
  try {
    writeSync(fd, Buffer.alloc(8192, 1));
    expect([nextData(fd, 4096), nextHole(fd, 4096)]).toEqual([4096, 8192]);
    ftruncateSync(fd, 100);
    expect([nextData(fd, 4096), nextHole(fd, 4096)]).toEqual([undefined, Infinity]);
  } finally {
    closeSync(fd);
    rmSync(folder, { recursive: true });
  }
});
