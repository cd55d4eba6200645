import { expect, test } from 'bun:test';
import { resolveUser } from './users.ts';

const files = {
  passwd: `root:x:0:0:root:/root:/bin/sh
daemon:x:1:1:daemon:/usr/sbin:/bin/false
1234:x:77:77::/odd:/bin/sh
# comment
app:x:1000:1001:App:/home/app:/bin/sh
broken:x::
`,
  group: `root:x:0:
daemon:x:1:app
staff:x:50:app,daemon
app:x:1001:
`,
};

test.each([
  ['', { uid: 0, gid: 0, additionalGids: [], home: '/root' }],
  ['app', { uid: 1000, gid: 1001, additionalGids: [1, 50], home: '/home/app' }],
  ['1000', { uid: 1000, gid: 1001, additionalGids: [1, 50], home: '/home/app' }],
  ['app:staff', { uid: 1000, gid: 50, additionalGids: [], home: '/home/app' }],
  ['app:7', { uid: 1000, gid: 7, additionalGids: [], home: '/home/app' }],
  ['4242', { uid: 4242, gid: 0, additionalGids: [], home: '/' }],
  ['4242:4343', { uid: 4242, gid: 4343, additionalGids: [], home: '/' }],
  // A number is an id even when an account has it as its name.
  ['1234', { uid: 1234, gid: 0, additionalGids: [], home: '/' }],
  [':staff', { uid: 0, gid: 50, additionalGids: [], home: '/root' }],
])('user "%s" is resolved as runc does', (text, expected) => {
  expect(resolveUser(text, files)).toEqual(expected);
});

test('extra groups are added by name and by number, each once', () => {
  expect(resolveUser('app', files, ['staff', '99']).additionalGids).toEqual([1, 50, 99]);
});

test.each([
  ['nosuch', 'unable to find user nosuch: no matching entries in passwd file'],
  ['root:nosuch', 'unable to find group nosuch: no matching entries in group file'],
  ['4294967296', 'must be in range 0-2147483647'],
  ['2147483648', 'must be in range 0-2147483647'],
  ['-1', 'must be in range'],
  ['0:4294967296', 'must be in range'],
  ['99999999999999999999999999', 'must be in range'],
  ['root\nevil:x:0:0', 'line break'],
])('user "%s" is refused', (text, message) => {
  expect(() => resolveUser(text, files)).toThrow(message);
});

test('without account files numbers work and names do not', () => {
  expect(resolveUser('5:6', {})).toMatchObject({ uid: 5, gid: 6 });
  expect(() => resolveUser('app', {})).toThrow('no matching entries in passwd file');
});

test('a group file of 50,000 lines is resolved in well under a second', () => {
  const group = Array.from({ length: 50_000 }, (_, i) => `g${i}:x:${i}:app`).join('\n');
  const started = performance.now();
  expect(resolveUser('app', { passwd: files.passwd, group }).additionalGids).toHaveLength(50_000);
  expect(performance.now() - started).toBeLessThan(10_000);
});
