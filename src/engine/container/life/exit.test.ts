import { expect, test } from 'bun:test';
import { parseContainerId } from '../../../foundation/base/ids.ts';
import type { ContainerRecord } from '../container.ts';
import { type Context, createLiveContainers } from '../context.ts';
import { recordExit } from './exit.ts';

const id = parseContainerId('ab'.repeat(32));

test('an end that was recorded and then went wrong is still followed by its restart', async () => {
  const end = { exitCode: 3, oomKilled: false, finishedAtMs: 2_000 };
  const record = {
    id,
    name: 'web',
    config: { restart: { name: 'always', maximumRetryCount: 0 } },
    state: { status: 'restarting', startedAtMs: 1_000, ...end },
  } as unknown as ContainerRecord;
  const context = { live: createLiveContainers(), store: { find: () => record } } as unknown as Context;
  await recordExit(context, id, end);
  const timer = context.live.of(id).restartTimer;
  expect(timer).toBeDefined();
  await recordExit(context, id, end);
  expect(context.live.of(id).restartTimer).toBe(timer);
  clearTimeout(timer);
});
