import { join } from 'node:path';
import { archive as tar, member } from '../../src/foundation/archive/tar-fixtures.ts';
import { eventually } from '../e2e/footprint.ts';
import { ask, create, type CreateBody, exists, inspect, launch } from '../e2e/objects.ts';
import { createCgroups } from '../../src/resources/runtime/oci/cgroups.ts';
import { get, put } from '../files/ask.ts';
import { expectOneOf, runsAndEnds, type Scenario, startSubject } from './subject.ts';
import { staying, type World } from './world.ts';

/* Operations on a container that is there: its name, its files, its checks, what restarts it. */

export const changes = {
  rename: {
    prepare: startSubject,
    act: ({ engine }) => ask(engine, 'POST', '/containers/subject/rename?name=renamed'),
    async verify(world) {
      const { engine } = world;
      const isRenamed = await exists(engine, '/containers/renamed/json');
      if (isRenamed === (await exists(engine, '/containers/subject/json')))
        throw new Error('the container has both names, or none');
      if (isRenamed) await ask(engine, 'POST', '/containers/renamed/rename?name=subject');
      await runsAndEnds(world);
    },
  },
  pause: {
    prepare: startSubject,
    act: ({ engine }) => ask(engine, 'POST', '/containers/subject/pause'),
    verify: isPausedOrRuns,
  },
  unpause: {
    async prepare(world) {
      await startSubject(world);
      await ask(world.engine, 'POST', '/containers/subject/pause');
    },
    act: ({ engine }) => ask(engine, 'POST', '/containers/subject/unpause'),
    verify: isPausedOrRuns,
  },
  health: {
    act: ({ engine }) => launchChecked(engine),
    async verify({ engine }) {
      if (!(await exists(engine, '/containers/subject/json'))) await launchChecked(engine);
      const healthy = await eventually(async () => {
        const { State } = await ask<{ State: { Health?: { Status: string } } }>(
          engine,
          'GET',
          '/containers/subject/json',
        );
        return State.Health?.Status === 'healthy';
      });
      if (!healthy) throw new Error('checks do not go on after the restart of the engine');
    },
  },
  backOff: {
    act: launchFailing,
    async verify(world) {
      const { engine } = world;
      const { RestartCount: before } = await inspect(engine, 'subject');
      const goesOn = await eventually(
        async () => (await inspect(engine, 'subject')).RestartCount > before,
        15_000,
      );
      if (!goesOn) throw new Error('the restart policy was forgotten');
    },
  },
  stopInBackOff: {
    async prepare(world) {
      await launchFailing(world);
    },
    async act(world) {
      const { engine } = world;
      await isWaiting(world);
      await ask(engine, 'POST', '/containers/subject/stop?signal=KILL');
    },
    async verify({ engine }) {
      const before = await inspect(engine, 'subject');
      expectOneOf(before.State.Status, ['exited']);
      await new Promise((resolve) => setTimeout(resolve, 300));
      const { RestartCount } = await inspect(engine, 'subject');
      if (RestartCount !== before.RestartCount) throw new Error('a stopped container was restarted');
    },
  },
  prune: {
    prepare: ({ engine }) =>
      create(engine, 'subject', {
        Cmd: ['true'],
        HostConfig: { Binds: ['subject-volume:/data'] },
      }),
    act: ({ engine }) => ask(engine, 'POST', '/containers/prune'),
    async verify({ engine }) {
      await ask(engine, 'POST', '/containers/prune');
      if (await exists(engine, '/containers/subject/json'))
        throw new Error('the stopped container was not pruned');
      if (!(await exists(engine, '/volumes/subject-volume'))) throw new Error('the named volume is gone');
      await create(engine, 'subject', staying);
    },
  },
  copyIn: {
    prepare: startSubject,
    act: copyIn,
    async verify(world) {
      await copyIn(world);
      await copyOut(world, 'copied');
    },
  },
  copyOut: {
    prepare: startSubject,
    act: (world) => copyOut(world, 'written'),
    verify: (world) => copyOut(world, 'written'),
  },
} satisfies Record<string, Scenario>;

/** What inspect says is so, one verb leads to the other state, and a signal is heard in the end. */
async function isPausedOrRuns(world: World): Promise<void> {
  const { engine } = world;
  const { State } = await inspect(engine, 'subject');
  expectOneOf(State.Status, ['paused', 'running']);
  const { Id } = await ask<{ Id: string }>(engine, 'GET', '/containers/subject/json');
  const isFrozen = createCgroups().isFrozen(join(engine.footprint.cgroupParent, Id));
  if (isFrozen !== (State.Status === 'paused'))
    throw new Error(`the record says ${State.Status}, and it is ${isFrozen ? '' : 'not '}frozen`);
  if (State.Status === 'paused') await ask(engine, 'POST', '/containers/subject/unpause');
  await ask(engine, 'POST', '/containers/subject/pause');
  await ask(engine, 'POST', '/containers/subject/unpause');
  await runsAndEnds(world);
}

function launchChecked(engine: World['engine']): Promise<string> {
  const Healthcheck = { Test: ['CMD', 'true'], Interval: 200_000_000, Timeout: 20_000_000_000 };
  const body: CreateBody & { Healthcheck: object } = { ...staying, Healthcheck };
  return launch(engine, 'subject', body);
}

async function launchFailing({ engine }: World): Promise<void> {
  const HostConfig = { RestartPolicy: { Name: 'unless-stopped' } };
  await launch(engine, 'subject', { Cmd: ['sh', '-c', 'exit 3'], HostConfig });
}

/** The next restart is so far off that a request comes first. */
async function isWaiting({ engine }: World): Promise<void> {
  await eventually(async () => (await inspect(engine, 'subject')).State.Status === 'restarting', 30_000);
}

async function copyIn({ engine }: World): Promise<void> {
  const { status, message } = await put(
    engine,
    'subject',
    '/',
    tar(member({ name: 'copied', content: 'begun\n' })),
  );
  if (status !== 200) throw new Error(`copying in: ${status} ${message}`);
}

async function copyOut({ engine }: World, name: string): Promise<void> {
  const { status, body, message } = await get(engine, 'subject', `/${name}`);
  if (status !== 200 || !body.includes('begun\n'))
    throw new Error(`copying ${name} out: ${status} ${message}`);
}
