import { expect, test } from 'bun:test';
import { createRateLimiter } from './rate-limit.ts';

test('as many requests as the limit pass at once, then one for each share of the time', () => {
  let now = 0;
  const limiter = createRateLimiter({ requests: 4, perMs: 1000 }, () => now);
  for (let count = 0; count < 4; count++) expect(limiter.take('10.0.0.1')).toBeUndefined();
  expect(limiter.take('10.0.0.1')).toBe(250);
  // Who asks all the same is not punished, and others have their own.
  expect(limiter.take('10.0.0.1')).toBe(250);
  expect(limiter.take('10.0.0.2')).toBeUndefined();
  now = 250;
  expect(limiter.take('10.0.0.1')).toBeUndefined();
  expect(limiter.take('10.0.0.1')).toBe(250);
  now = 1_000_000;
  for (let count = 0; count < 4; count++) expect(limiter.take('10.0.0.1')).toBeUndefined();
  expect(limiter.take('10.0.0.1')).toBe(250);
});

test('a network of IPv6 is one client, and so is one of IPv4 in either notation', () => {
  const limiter = createRateLimiter({ requests: 1, perMs: 1000 }, () => 0);
  expect(limiter.take('2001:db8::1')).toBeUndefined();
  expect(limiter.take('2001:db8::ffff:1:2')).toBe(1000);
  expect(limiter.take('2001:db8:0:1::1')).toBeUndefined();
  expect(limiter.take('::ffff:10.0.0.1')).toBeUndefined();
  expect(limiter.take('::ffff:a00:1')).toBe(1000);
});

test('a crowd of addresses does not grow the memory without end', () => {
  const limiter = createRateLimiter({ requests: 1, perMs: 1000 }, () => 0);
  expect(limiter.take('first')).toBeUndefined();
  for (let index = 0; index < 50_000; index++) limiter.take(`client ${index}`);
  expect(limiter.take('client 49999')).toBe(1000);
  expect(limiter.take('first')).toBeUndefined();
});
