import { expect, test } from 'bun:test';
import { createDetachScanner, parseDetachKeys } from './detach-keys.ts';

test('keys are read in all their forms', () => {
  expect([...parseDetachKeys('')]).toEqual([16, 17]);
  expect([...parseDetachKeys('a,ctrl-c,ctrl-@,ctrl-]')]).toEqual([97, 3, 0, 29]);
  for (const text of ['ctrl-!', 'ab', 'ctrl-', 'a,,b'])
    expect(() => parseDetachKeys(text)).toThrow('Invalid escape keys');
});

test('the sequence is found however it is cut, and what only begins like it goes on', () => {
  const scan = (...chunks: string[]): string => {
    const scanner = createDetachScanner(parseDetachKeys('a,b,c'));
    let text = '';
    for (const chunk of chunks) {
      const { forward, detached } = scanner.push(Buffer.from(chunk));
      text += forward.toString() + (detached ? '!' : '');
      if (detached) break;
    }
    return text;
  };
  expect(scan('xabcy')).toBe('x!');
  expect(scan('xa', 'b', 'c')).toBe('x!');
  expect(scan('ab', 'x')).toBe('abx');
  expect(scan('aabc')).toBe('a!');
  expect(scan('ababc')).toBe('ab!');
});
