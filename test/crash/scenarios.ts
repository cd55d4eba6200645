import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { cgroupDirectory, cgroupHost } from '../../src/foundation/kernel/cgroup.ts';
import { bridgesOf, eventually, processesOf } from '../e2e/footprint.ts';
import { ask, create, exists, inspect, launch, remove, runOnce, start, wait } from '../e2e/objects.ts';
import { rawRequest, upgrade } from '../e2e/raw-request.ts';
import { changes } from './changes.ts';
import { expectOneOf, hasEnded, runsAndEnds, runsWith, type Scenario, startSubject } from './subject.ts';
import { createSubject, pull, staying, upload, type World } from './world.ts';

const allImages = encodeURIComponent(JSON.stringify({ dangling: ['false'] }));

export const scenarios = {
  ...changes,
  create: {
    act: createSubject,
    async verify(world) {
      if (!(await exists(world.engine, '/containers/subject/json'))) await createSubject(world);
      await runsAndEnds(world);
    },
  },
  start: {
    prepare: createSubject,
    act: ({ engine }) => start(engine, 'subject'),
    async verify(world) {
      const { State } = await inspect(world.engine, 'subject');
      expectOneOf(State.Status, ['created', 'running']);
      await runsAndEnds(world);
    },
  },
  stop: {
    prepare: startSubject,
    act: ({ engine }) => ask(engine, 'POST', '/containers/subject/stop?signal=KILL'),
    verify: hasEnded,
  },
  kill: {
    prepare: startSubject,
    act: ({ engine }) => ask(engine, 'POST', '/containers/subject/kill'),
    verify: hasEnded,
  },
  update: {
    prepare: startSubject,
    act: ({ engine }) => ask(engine, 'POST', '/containers/subject/update', { PidsLimit: 50 }),
    async verify({ engine }) {
      const { Id, HostConfig } = await ask<{ Id: string; HostConfig: { PidsLimit: number | null } }>(
        engine,
        'GET',
        '/containers/subject/json',
      );
      const group = join(engine.footprint.cgroupParent, Id);
      const file = join(cgroupDirectory(cgroupHost(), group, 'pids'), 'pids.max');
      const limit = readFileSync(file, 'utf8').trim();
      if (limit !== String(HostConfig.PidsLimit ?? 'max'))
        throw new Error(`the record says ${HostConfig.PidsLimit}, the control group ${limit}`);
    },
  },
  publish: {
    prepare: startSubject,
    act: ({ engine }) =>
      ask(engine, 'POST', '/containers/subject/update', {
        PublishAdd: { '81/tcp': [{ HostIp: '127.0.0.1', HostPort: '' }] },
      }),
    async verify(world) {
      const { HostConfig, NetworkSettings } = await ask<{
        HostConfig: { PortBindings: Record<string, unknown> };
        NetworkSettings: { Ports: Record<string, unknown[] | null> };
      }>(world.engine, 'GET', '/containers/subject/json');
      const open = NetworkSettings.Ports['81/tcp']?.length ?? 0;
      const wanted = HostConfig.PortBindings['81/tcp'] ? 1 : 0;
      if (open < wanted || (wanted === 0 && open > 0))
        throw new Error(`the record says ${wanted} ports, ${open} are open`);
      await runsAndEnds(world);
    },
  },
  autoRemove: {
    prepare: ({ engine }) =>
      launch(engine, 'subject', { ...staying, HostConfig: { ...staying.HostConfig, AutoRemove: true } }),
    act: ({ engine }) => ask(engine, 'POST', '/containers/subject/kill'),
    async verify({ engine }) {
      if (!(await eventually(async () => !(await exists(engine, '/containers/subject/json')))))
        throw new Error('the ended container with --rm was not removed');
    },
  },
  endedMeanwhile: {
    prepare: startSubject,
    async whileDead(world) {
      const monitor = subjectMonitor(world);
      if (!monitor) throw new Error('the subject has no monitor while the engine is dead');
      process.kill(monitor.initPid, 'SIGKILL');
      await eventually(() => subjectMonitor(world) === undefined);
    },
    verify: hasEnded,
  },
  remove: {
    async prepare(world) {
      await startSubject(world);
      await ask(world.engine, 'POST', '/containers/subject/kill');
      await wait(world.engine, 'subject');
    },
    act: ({ engine }) => ask(engine, 'DELETE', '/containers/subject?v=1'),
    verify: isRemovedOrWhole,
  },
  forcedRemove: {
    prepare: startSubject,
    act: ({ engine }) => remove(engine, 'subject'),
    verify: isRemovedOrWhole,
  },
  exec: {
    prepare: startSubject,
    act: ({ engine }) => execInSubject(engine),
    async verify({ engine }) {
      const { State } = await inspect(engine, 'subject');
      expectOneOf(State.Status, ['running']);
      const output = await execInSubject(engine);
      if (!output.includes('executed')) throw new Error(`exec after the restart said: ${output}`);
    },
  },
  pull: {
    act: pull,
    async verify(world) {
      const { engine, reference } = world;
      if (await exists(engine, `/images/${reference}/json`)) await imageRuns(world, reference);
      await pull(world);
      await imageRuns(world, reference);
    },
  },
  load: {
    act: ({ engine, archive }) => upload(engine, '/images/load', archive),
    async verify(world) {
      const { engine, archive } = world;
      if (await exists(engine, '/images/archived:1/json')) await imageRuns(world, 'archived:1');
      await upload(engine, '/images/load', archive);
      await imageRuns(world, 'archived:1');
    },
  },
  import: {
    act: importRootfs,
    async verify(world) {
      const { engine } = world;
      if (await exists(engine, '/images/imported:1/json')) await importedRuns(world);
      await importRootfs(world);
      await importedRuns(world);
    },
  },
  commit: {
    prepare: startSubject,
    act: commitSubject,
    async verify(world) {
      const { engine } = world;
      const { State } = await inspect(engine, 'subject');
      expectOneOf(State.Status, ['running']);
      if (await exists(engine, '/images/committed:1/json')) await committedRuns(world);
      // It is not frozen: it answers.
      await execInSubject(engine);
      await commitSubject(world);
      await committedRuns(world);
    },
  },
  removeImage: {
    prepare: pull,
    act: ({ engine, reference }) => ask(engine, 'DELETE', `/images/${reference}`),
    async verify(world) {
      const { engine, reference } = world;
      if (await exists(engine, `/images/${reference}/json`)) await imageRuns(world, reference);
      await pull(world);
      await imageRuns(world, reference);
    },
  },
  /** The sweep through everything: layers go one by one, their files in the background. */
  pruneImages: {
    prepare: pull,
    act: ({ engine }) => ask(engine, 'POST', `/images/prune?filters=${allImages}`),
    async verify(world) {
      const { engine, reference } = world;
      if (await exists(engine, `/images/${reference}/json`)) await imageRuns(world, reference);
      await pull(world);
      await imageRuns(world, reference);
    },
  },
  connect: {
    async prepare(world) {
      await startSubject(world);
      await ask(world.engine, 'POST', '/networks/create', { Name: 'subject-network' });
    },
    act: ({ engine }) => ask(engine, 'POST', '/networks/subject-network/connect', { Container: 'subject' }),
    verify: placesChange,
  },
  disconnect: {
    async prepare(world) {
      await startSubject(world);
      await ask(world.engine, 'POST', '/networks/create', { Name: 'subject-network' });
      await ask(world.engine, 'POST', '/networks/subject-network/connect', { Container: 'subject' });
    },
    // The way out, and the ports with it.
    act: ({ engine }) => ask(engine, 'POST', '/networks/bridge/disconnect', { Container: 'subject' }),
    verify: placesChange,
  },
  seed: {
    act: ({ engine }) =>
      create(engine, 'subject', { ...staying, HostConfig: { Binds: ['subject-volume:/bin'] } }),
    verify: ({ engine }) =>
      runsWith(engine, { Binds: ['subject-volume:/seeded', 'fresh-volume:/bin'] }, seededWholly),
  },
  createVolume: {
    act: ({ engine }) => ask(engine, 'POST', '/volumes/create', { Name: 'subject-volume' }),
    async verify({ engine }) {
      await ask(engine, 'POST', '/volumes/create', { Name: 'subject-volume' });
      await runsWith(engine, { Binds: ['subject-volume:/data'] }, 'echo kept > /data/file');
    },
  },
  removeVolume: {
    async prepare({ engine }) {
      const body = { Name: 'subject-volume' };
      const { Mountpoint } = await ask<{ Mountpoint: string }>(engine, 'POST', '/volumes/create', body);
      writeFileSync(join(Mountpoint, 'file'), 'kept\n');
    },
    act: ({ engine }) => ask(engine, 'DELETE', '/volumes/subject-volume'),
    async verify({ engine }) {
      const path = '/volumes/subject-volume';
      if (!(await exists(engine, path))) return;
      const { Mountpoint } = await ask<{ Mountpoint: string }>(engine, 'GET', path);
      if (readFileSync(join(Mountpoint, 'file'), 'utf8') !== 'kept\n')
        throw new Error('the volume lost its file');
    },
  },
  cloneVolume: {
    async prepare({ engine }) {
      const body = { Name: 'subject-source' };
      const { Mountpoint } = await ask<{ Mountpoint: string }>(engine, 'POST', '/volumes/create', body);
      writeFileSync(join(Mountpoint, 'file'), 'kept\n');
    },
    act: ({ engine }) => ask(engine, 'POST', '/silo/volumes/subject-source/clone?to=subject-volume'),
    async verify({ engine }) {
      for (const name of ['subject-source', 'subject-volume']) {
        if (name === 'subject-volume' && !(await exists(engine, `/volumes/${name}`))) continue;
        const { Mountpoint } = await ask<{ Mountpoint: string }>(engine, 'GET', `/volumes/${name}`);
        if (readFileSync(join(Mountpoint, 'file'), 'utf8') !== 'kept\n')
          throw new Error(`volume ${name} lacks its file`);
      }
      await ask(engine, 'DELETE', '/volumes/subject-source');
    },
  },
  createNetwork: {
    act: ({ engine }) => ask(engine, 'POST', '/networks/create', { Name: 'subject-network' }),
    verify: networkWorks,
  },
  removeNetwork: {
    prepare: networkWorks,
    act: ({ engine }) => ask(engine, 'DELETE', '/networks/subject-network'),
    verify: networkWorks,
  },
} satisfies Record<string, Scenario>;

export type ScenarioName = keyof typeof scenarios;

/** Takes away what the scenarios made, through the API; the store must then be as before. */
export async function tidy(world: World): Promise<void> {
  const { engine, reference } = world;
  for (const path of [
    '/containers/subject?force=1&v=1',
    '/containers/renamed?force=1&v=1',
    '/containers/check?force=1&v=1',
    '/volumes/subject-volume',
    '/volumes/fresh-volume',
    '/networks/subject-network',
    `/images/${reference}?force=1`,
    '/images/archived:1?force=1',
    '/images/imported:1?force=1',
    '/images/committed:1?force=1',
  ]) {
    const answer = await engine.api('DELETE', path);
    if (answer.status >= 400 && answer.status !== 404)
      throw new Error(`DELETE ${path}: ${answer.status} ${answer.text}`);
  }
  // What a dead transfer had stored completely stays for its next attempt; this is the command that removes it.
  await ask(engine, 'POST', `/images/prune?filters=${encodeURIComponent('{"dangling":["true"]}')}`);
  const bridges = await bridgesOf(engine.footprint);
  if (bridges.length > 1) throw new Error(`leaked bridges: ${bridges.join(' ')}`);
}

async function isRemovedOrWhole(world: World): Promise<void> {
  const { engine } = world;
  if (await exists(engine, '/containers/subject/json')) {
    expectOneOf((await inspect(engine, 'subject')).State.Status, ['exited', 'running']);
    await ask(engine, 'DELETE', '/containers/subject?force=1&v=1');
  }
  await createSubject(world);
  await runsAndEnds(world);
}

async function execInSubject(engine: World['engine']): Promise<string> {
  const { Id } = await ask<{ Id: string }>(engine, 'POST', '/containers/subject/exec', {
    AttachStdout: true,
    AttachStderr: true,
    Cmd: ['echo', 'executed'],
  });
  using stream = rawRequest(engine.socket, {
    method: 'POST',
    path: `/exec/${Id}/start`,
    headers: { ...upgrade, 'Content-Type': 'application/json' },
    body: JSON.stringify({ Detach: false, Tty: false }),
  });
  return await stream.closed;
}

async function imageRuns({ engine }: World, reference: string): Promise<void> {
  const { code, output } = await runOnce(engine, 'check', {
    Image: reference,
    Cmd: ['/bin/busybox', 'sh', '/bin/tool'],
  });
  if (code !== 0 || output !== 'hello\n') throw new Error(`the image gave ${code}: ${output}`);
}

function importRootfs({ engine, rootfs }: World): Promise<string> {
  return upload(engine, '/images/create?fromSrc=-&repo=imported&tag=1', rootfs);
}

async function importedRuns({ engine }: World): Promise<void> {
  const body = { Image: 'imported:1', Cmd: ['/bin/busybox', 'cat', '/etc/greeting'] };
  const { code, output } = await runOnce(engine, 'check', body);
  if (code !== 0 || output !== 'imported\n') throw new Error(`the imported image gave ${code}: ${output}`);
}

function commitSubject({ engine }: World): Promise<unknown> {
  return ask(engine, 'POST', '/commit?container=subject&repo=committed&tag=1');
}

async function committedRuns({ engine }: World): Promise<void> {
  const body = { Image: 'committed:1', Cmd: ['cat', '/written'], Volumes: {} };
  const { code, output } = await runOnce(engine, 'check', body);
  if (code !== 0 || output !== 'begun\n') throw new Error(`the committed image gave ${code}: ${output}`);
}

/** Empty, or with all that the image has there; the second volume shows how much that is. */
const seededWholly = 'set -- $(ls /seeded | wc -l) $(ls /bin | wc -l); [ $1 = 0 ] || [ $1 = $2 ]';

/** It has the places that its record says, and goes on and off networks. */
async function placesChange({ engine }: World): Promise<void> {
  const { State } = await inspect(engine, 'subject');
  expectOneOf(State.Status, ['running']);
  const places = async (): Promise<string[]> => {
    const found = await ask<{ NetworkSettings: { Networks: Record<string, unknown> } }>(
      engine,
      'GET',
      '/containers/subject/json',
    );
    return Object.keys(found.NetworkSettings.Networks);
  };
  const before = await places();
  for (const network of ['bridge', 'subject-network']) {
    const verb = before.includes(network) ? 'disconnect' : 'connect';
    await ask(engine, 'POST', `/networks/${network}/${verb}`, { Container: 'subject' });
  }
  for (const network of await places())
    await ask(engine, 'POST', `/networks/${network}/disconnect`, { Container: 'subject' });
  const left = await places();
  if (left.length > 0) throw new Error(`it is still on ${left.join(', ')}`);
}

async function networkWorks({ engine }: World): Promise<void> {
  if (!(await exists(engine, '/networks/subject-network')))
    await ask(engine, 'POST', '/networks/create', { Name: 'subject-network' });
  await runsWith(engine, { NetworkMode: 'subject-network' }, 'ip route | grep -q default');
}

/** The monitor of the only other container than the bystander, and the process that it watches. */
function subjectMonitor({ engine, bystanderId }: World): { initPid: number } | undefined {
  const words = processesOf(engine.footprint)
    .map((found) => found.words)
    .find((found) => found.includes('--exit-dir=') && !found.includes(bystanderId));
  const pidFile = /--container-pidfile=(\S+)/.exec(words ?? '')?.[1];
  return pidFile === undefined ? undefined : { initPid: Number(readFileSync(pidFile, 'utf8')) };
}
