import { expect, test } from 'bun:test';
import { parseContainerId } from '../../../foundation/base/ids.ts';
import type { ContainerRecord } from '../container.ts';
import { createLiveContainers, type Context } from '../context.ts';
import { createHealthMonitors } from './monitors.ts';
import type { ProbeOutcome } from './probe.ts';

const id = parseContainerId('ab'.repeat(32));

test('while a check cannot be killed no other is started, and its container is unhealthy all the same', async () => {
  let record = {
    id,
    config: { health: { test: { kind: 'exec', args: ['true'] }, intervalMs: 1, retries: 3 }, labels: {} },
    state: { status: 'running', pid: 1, startedAtMs: 0 },
  } as unknown as ContainerRecord;
  const seen: string[] = [];
  const unhealthy = Promise.withResolvers<void>();
  const healthy = Promise.withResolvers<void>();
  const context = {
    execs: new Map(),
    live: createLiveContainers(),
    now: () => 1_000,
    log: { warn: (text: string) => void seen.push(text) },
    events: {
      publish: ({ action }: { action: string }) => void (action.endsWith(': healthy') && healthy.resolve()),
    },
    store: {
      find: () => record,
      updateRunning: (_: unknown, change: Partial<ContainerRecord>) => (record = { ...record, ...change }),
    },
  } as unknown as Context;
  const gone = Promise.withResolvers<void>();
  let started = 0;
  const result = (exitCode: number) => ({ startedAtMs: 0, endedAtMs: 1, exitCode, output: '' });
  using monitors = createHealthMonitors(context, {
    onUnhealthy: () => unhealthy.resolve(),
    run: async (): Promise<ProbeOutcome> =>
      ++started === 1 ? { result: result(-1), lingers: gone.promise } : { result: result(0) },
  });
  monitors.watch(id);
  await unhealthy.promise;
  expect(started).toBe(1);
  expect(record.health?.log.at(-1)).toMatchObject({
    exitCode: -1,
    output: expect.stringContaining('still there'),
  });
  gone.resolve();
  await healthy.promise;
  expect([started > 1, seen]).toEqual([true, []]);
});
