import { expect, test } from 'bun:test';
import { parsePool, readPools } from './pool-setting.ts';

test('pools are read from the file and from the command line', () => {
  const pools = [{ base: '10.9.0.0/16', size: 24 }];
  expect(readPools([{ base: '10.9.3.0/16', size: 24 }], 'x')).toEqual(pools);
  expect(parsePool('base=10.9.0.0/16,size=24', 'x')).toEqual({ base: '10.9.0.0/16', size: 24 });
  expect(parsePool('size=24,base=10.9.0.0/24', 'x')).toEqual({ base: '10.9.0.0/24', size: 24 });
});

test('an empty list is as none', () => {
  expect(readPools([], 'x')).toBeUndefined();
});

test.each([
  ['base=10.9.0.0/16', 'want base='],
  ['base=10.9.0.0/16,size=big', 'want base='],
  ['base=10.9.0.0/16,size=8', 'size must be from 16 to 30'],
  ['base=10.9.0.0/16,size=31', 'size must be from 16 to 30'],
  ['base=fd00::/48,size=64', 'a pool is of IPv4'],
  ['base=nonsense,size=24', 'invalid CIDR'],
])('what makes no pool is refused: %s', (text, why) => {
  expect(() => parsePool(text, '--default-address-pool')).toThrow(why);
});

test.each([
  {},
  [3],
  [{ base: '10.0.0.0/8' }],
  [{ base: '10.0.0.0/8', size: '24' }],
  [{ base: '10.0.0.0/8', size: 24, x: 1 }],
])('nor from the file: %j', (value) => {
  expect(() => readPools(value, 'x')).toThrow('want a list');
});
