import { expect, test } from 'bun:test';
import { parseContainerId } from '../../../foundation/base/ids.ts';
import { toInside, toOutside } from '../../../foundation/kernel/id-mapping.ts';
import { createIdRanges } from './ranges.ts';

const idOf = (digit: string) => parseContainerId(digit.repeat(64));
const [one, two, three] = [idOf('1'), idOf('2'), idOf('3')];

test('no two running containers have an id in common, and what ended gives its ids back', () => {
  const ranges = createIdRanges([
    { first: 100_000, count: 65_536 },
    { first: 300_000, count: 100_000 },
  ]);
  const firsts = [one, two].map((id) => ranges.allocate(id).users[0]?.outsideId);
  expect(firsts.toSorted((a = 0, b = 0) => a - b)).toEqual([100_000, 300_000]);
  expect(ranges.allocate(one)).toEqual(ranges.of(one) ?? { users: [], groups: [] });
  expect(() => ranges.allocate(three)).toThrow('all 2 ranges');
  ranges.release(one);
  expect(ranges.allocate(three).users[0]?.outsideId).toBe(firsts[0]);
});

test('ids stay taken while one of those that share them runs', () => {
  const ranges = createIdRanges([{ first: 100_000, count: 65_536 }]);
  ranges.hold(two, ranges.allocate(one));
  ranges.release(one);
  expect(() => ranges.allocate(three)).toThrow('in use');
  ranges.release(two);
  expect(ranges.allocate(three).groups).toEqual([{ insideId: 0, outsideId: 100_000, count: 65_536 }]);
});

test('ids that a process was found with after a start of the engine are taken, wherever they lie', () => {
  const ranges = createIdRanges([{ first: 100_000, count: 131_072 }]);
  const odd = [{ insideId: 0, outsideId: 165_535, count: 2 }];
  ranges.hold(one, { users: odd, groups: [] });
  expect(() => ranges.allocate(two)).toThrow('in use');
});

test('ids to keep are the same inside and outside, all others are the container’s own', () => {
  const { users, groups } = createIdRanges([{ first: 100_000, count: 65_536 }]).allocate(one, {
    uid: 1000,
    gid: 65_535,
  });
  expect([0, 999, 1000, 1001, 65_535].map((id) => toOutside(users, id))).toEqual([
    100_000, 100_999, 1000, 101_001, 165_535,
  ]);
  expect(toOutside(users, 65_536)).toBeUndefined();
  expect(toInside(users, 101_000)).toBeUndefined();
  expect(groups).toEqual([
    { insideId: 0, outsideId: 100_000, count: 65_535 },
    { insideId: 65_535, outsideId: 65_535, count: 1 },
  ]);
});
