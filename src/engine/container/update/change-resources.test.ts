import { expect, test } from 'bun:test';
import { isKind } from '../../../foundation/base/errors.ts';
import { changeResources } from './change-resources.ts';
import type { Resources } from '../config.ts';

const mb = 1024 * 1024;
const withSwap = { swapLimit: true };
const change = (current: Resources, wanted: Resources): Resources =>
  changeResources(current, wanted, withSwap);
const refusal = (current: Resources, wanted: Resources): [boolean, string] => {
  try {
    change(current, wanted);
  } catch (error) {
    return [isKind(error, 'conflict'), error instanceof Error ? error.message : ''];
  }
  throw new Error('it was taken');
};

test('what the update does not name stays', () => {
  expect(change({ cpuShares: 5, pidsLimit: 7 }, { cpusetCpus: '0' })).toEqual({
    cpuShares: 5,
    pidsLimit: 7,
    cpusetCpus: '0',
  });
  expect(change({ pidsLimit: 7 }, { pidsLimit: 0 }).pidsLimit).toBe(0);
});

test('one form of CPU limit excludes the other', () => {
  const words = 'Conflicting options: ';
  expect(refusal({ cpuPeriodUs: 50_000 }, { nanoCpus: 1e9 })).toEqual([
    true,
    `${words}Nano CPUs cannot be updated as CPU Period has already been set`,
  ]);
  expect(refusal({ cpuQuotaUs: 50_000 }, { nanoCpus: 1e9 })[1]).toBe(
    `${words}Nano CPUs cannot be updated as CPU Quota has already been set`,
  );
  expect(refusal({ nanoCpus: 1e9 }, { cpuPeriodUs: 50_000 })[1]).toBe(
    `${words}CPU Period cannot be updated as NanoCPUs has already been set`,
  );
  expect(refusal({ nanoCpus: 1e9 }, { cpuQuotaUs: 50_000 })[1]).toBe(
    `${words}CPU Quota cannot be updated as NanoCPUs has already been set`,
  );
});

test('memory stays below the swap limit that was set, or doubled at create', () => {
  const why =
    'Memory limit should be smaller than already set memoryswap limit, update the memoryswap at the same time';
  expect(refusal({ memoryBytes: 64 * mb }, { memoryBytes: 129 * mb })).toEqual([true, why]);
  expect(refusal({}, { memoryBytes: 64 * mb })).toEqual([true, why]);
  expect(refusal({ memoryBytes: 64 * mb, memorySwapBytes: -1 }, { memoryBytes: 65 * mb })[1]).toBe(why);
  expect(change({ memoryBytes: 64 * mb }, { memoryBytes: 100 * mb })).toEqual({
    memoryBytes: 100 * mb,
    memorySwapBytes: 128 * mb,
  });
  expect(change({}, { memoryBytes: 64 * mb, memorySwapBytes: -1 }).memorySwapBytes).toBe(-1);
  expect(changeResources({}, { memoryBytes: 64 * mb }, { swapLimit: false }).memorySwapBytes).toBe(-1);
});

test('limits that contradict the others are refused', () => {
  const box = { memoryBytes: 64 * mb, memoryReservationBytes: 32 * mb };
  expect(refusal(box, { memorySwapBytes: 10 * mb })[1]).toContain(
    'Minimum memoryswap limit should be larger',
  );
  const together = { memoryBytes: 16 * mb, memoryReservationBytes: 32 * mb };
  expect(refusal(box, together)[1]).toContain('can not be less than memory reservation');
  expect(refusal(box, { ulimits: [{ name: 'nofile', soft: 1, hard: 1 }] })[1]).toContain('ulimits cannot be');
});

test('a reservation above a limit that is there already is taken, as by Docker', () => {
  const box = { memoryBytes: 64 * mb, memoryReservationBytes: 32 * mb };
  expect(change(box, { memoryReservationBytes: 400 * mb }).memoryReservationBytes).toBe(400 * mb);
  expect(change(box, { memoryBytes: 16 * mb }).memoryBytes).toBe(16 * mb);
});
