import { expect, test } from 'bun:test';
import { capabilityInside, capabilityOutside, ownerInside, ownerOutside } from './owner-map.ts';

const ids = {
  users: [{ insideId: 0, outsideId: 100_000, count: 65_536 }],
  groups: [{ insideId: 0, outsideId: 200_000, count: 65_536 }],
};

test('owners go in and come out as the same ids', () => {
  expect(ownerOutside({ uid: 33, gid: 65_535 }, ids)).toEqual({ uid: 100_033, gid: 265_535 });
  expect(ownerInside({ uid: 100_033, gid: 265_535 }, ids)).toEqual({ uid: 33, gid: 65_535 });
});

test('an owner of the host is nobody inside, and one that the container does not have is refused', () => {
  expect(ownerInside({ uid: 0, gid: 200_000 }, ids)).toEqual({ uid: 65_534, gid: 0 });
  expect(() => ownerOutside({ uid: 65_536, gid: 0 }, ids)).toThrow('no owner 65536:0');
});

test('a capability of a file counts for the root of the container, and comes out as it went in', () => {
  // cap_net_raw+ep of revision 2, linux/capability.h.
  const plain = Buffer.from('0100000200200000000000000000000000000000', 'hex');
  const full = capabilityOutside(plain, ids);
  expect(full.toString('hex')).toBe('0100000300200000000000000000000000000000a0860100');
  expect(capabilityInside(full, ids)).toEqual(plain);
});

test('a capability that counts for somebody else’s root stays as it is', () => {
  const foreign = Buffer.from('010000030020000000000000000000000000000001000000', 'hex');
  expect(capabilityInside(foreign, ids)).toEqual(foreign);
});
