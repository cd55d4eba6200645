import { expect, test } from 'bun:test';
import { parseContainerId, parseExecId, randomHexId } from '../../../foundation/base/ids.ts';
import type { Context, ExecEntry } from '../context.ts';
import { createExecs } from './exec.ts';

const containerId = parseContainerId('ab'.repeat(32));
const request = {
  args: ['true'],
  env: [],
  terminal: false,
  stdin: false,
  stdout: true,
  stderr: true,
  privileged: false,
};

function running(): ExecEntry {
  const id = parseExecId(randomHexId());
  return {
    info: { id, containerId, request, running: true, pid: 1 },
    ended: Promise.withResolvers<void>(),
  };
}

test('however many processes run, the one that was just made can be started', async () => {
  const context = {
    execs: new Map(Array.from({ length: 1_100 }, running).map((entry) => [entry.info.id, entry])),
    store: {
      get: () => ({
        id: containerId,
        config: { labels: {} },
        state: { status: 'running', pid: 1, startedAtMs: 0 },
      }),
    },
    events: { publish: () => undefined },
  } as unknown as Context;
  const execs = createExecs(context);
  const id = await execs.create(containerId, request);
  expect(execs.inspect(id)).toMatchObject({ id, running: false });
  for (let made = 0; made < 1_100; made++) await execs.create(containerId, request);
  expect(() => execs.inspect(id)).toThrow('No such exec instance');
  expect(execs.of(containerId)).toHaveLength(2_100);
});
