import { expect, test } from 'bun:test';
import { parseContainerId } from '../../../foundation/base/ids.ts';
import type { Freezer } from '../../../resources/runtime/runtime.ts';
import { thaw } from './pause.ts';

const id = parseContainerId('ab'.repeat(32));

function refusing(isFrozen: boolean): Freezer {
  return {
    isFrozen: () => isFrozen,
    pause: () => Promise.resolve(),
    resume: () => Promise.reject(new Error('not paused')),
  };
}

test('what somebody else thawed counts as resumed; what is still frozen does not', async () => {
  await thaw(refusing(false), id);
  expect(await thaw(refusing(true), id).catch(String)).toBe('Error: not paused');
});
