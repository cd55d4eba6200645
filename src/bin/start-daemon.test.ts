import { afterAll, expect, test } from 'bun:test';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createLog } from '../foundation/base/log.ts';
import { readReason } from './start-daemon.ts';

const folder = mkdtempSync(join(tmpdir(), 'silo-reason-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const reasonIn = (text: string): ReturnType<typeof readReason> => {
  const path = join(folder, 'daemon.log');
  writeFileSync(path, text);
  return readReason(path);
};

test('the reason for a daemon that did not start is its last entry, without time and keys', () => {
  let text = '';
  const log = createLog((line) => void (text += line));
  log.info('earlier');
  log.error('the data root is "taken"', { code: 'in-use', hint: 'stop the other one' });
  expect(reasonIn(text)).toEqual({
    message: 'the data root is "taken"',
    code: 'in-use',
    hint: 'stop the other one',
  });
});

test('or what the command line said, or whatever stands there', () => {
  expect(reasonIn('old\nthe file has an unknown key "x"\nHint: leave it out\n')).toEqual({
    message: 'the file has an unknown key "x"',
    hint: 'leave it out',
  });
  expect(reasonIn('Segmentation fault\n')).toEqual({ message: 'Segmentation fault' });
  expect(reasonIn('')).toEqual({ message: 'it said nothing' });
});
