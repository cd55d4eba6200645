import { expect, test } from 'bun:test';
import { isDiskFull, toSiloError } from './errors.ts';

test('an errno that means no room is of the kind exhausted, and the hint names the place', () => {
  for (const code of ['ENOSPC', 'EDQUOT']) {
    const error = Object.assign(new Error(`${code}: write`), { code, path: '/data/x' });
    expect(isDiskFull(error)).toBe(true);
    expect(toSiloError(error)).toMatchObject({ kind: 'exhausted', hint: expect.stringContaining('/data/x') });
  }
  expect(isDiskFull(Object.assign(new Error('no'), { code: 'ENOENT' }))).toBe(false);
});
