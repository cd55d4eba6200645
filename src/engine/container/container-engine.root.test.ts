import { afterAll, beforeAll, expect, test } from 'bun:test';
import { execFileSync } from 'node:child_process';
import {
  copyFileSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pack } from '../../foundation/archive/pack-process.ts';
import { silentLog } from '../../foundation/base/log.ts';
import { openDatabase } from '../../foundation/db/database.ts';
import { cgroupMode, completeHybridHierarchy } from '../../foundation/kernel/cgroup.ts';
import { createReactor } from '../../foundation/kernel/reactor.ts';
import type { ChainId, Digest, ImageId } from '../../foundation/oci/digest.ts';
import { createCdiDevices } from '../../resources/cdi/registry.ts';
import { createLogKeeper } from '../../resources/logs/log-keeper.ts';
import { createContainerLogs } from '../../resources/logs/container-logs.ts';
import { createNetworkResources } from '../../resources/network/create-network-resources.ts';
import { createOciDriver } from '../../resources/runtime/oci/driver.ts';
import type { RuntimeDriver } from '../../resources/runtime/runtime.ts';
import { openSnapshots } from '../../resources/snapshot/snapshots.ts';
import { openVolumes } from '../../resources/volume/volumes.ts';
import { createEvents } from '../events/bus.ts';
import type { EngineEvent } from '../events/events.ts';
import type { ImageRecord } from '../image/image.ts';
import type { ContainerConfig } from './config.ts';
import { plainConfig } from './plain-config.ts';
import { type ContainerEngine, createContainerEngine } from './container-engine.ts';
import type { OutputSink } from './container.ts';

const skip = process.getuid?.() !== 0 || !existsSync('/bin/busybox') || !existsSync('/usr/bin/crun');
if (skip) console.log('skipped: the container engine needs root, crun and a static busybox');

const directory = mkdtempSync(join(tmpdir(), 'silo-containers-'));
const resources = new AsyncDisposableStack();
const events: EngineEvent[] = [];
let engine: ContainerEngine;
/** Set by tests: what fails, or waits. */
const faults: { removesLayer?: () => Promise<void>; renames?: () => Promise<void> } = {};
/** While set, connections to the monitor bring nothing, as those that it never accepted. */
let deaf = false;

beforeAll(async () => {
  if (skip) return;
  if (cgroupMode() === 'hybrid') completeHybridHierarchy();
  const database = resources.use(openDatabase(join(directory, 'silo.db'), { relaxed: true }));
  const snapshots = await openSnapshots({ root: join(directory, 'snapshots'), log: silentLog });
  const image = await makeImage(snapshots.layers);
  const volumes = await openVolumes({ database, directory: join(directory, 'volumes'), log: silentLog });
  const network = resources.use(
    await createNetworkResources({ database, log: silentLog }, { instance: `silotc${process.pid % 10_000}` }),
  );
  resources.defer(() => network.uninstall());
  const reactor = resources.use(createReactor());
  const driver = resources.use(
    await createOciDriver({
      directory: join(directory, 'runtime'),
      reactor,
      log: silentLog,
      runtimes: { crun: '/usr/bin/crun' },
      defaultRuntime: 'crun',
      conmon: '/usr/bin/conmon',
    }),
  );
  const bus = createEvents();
  resources.use(bus.subscribe((event) => events.push(event)));
  engine = resources.use(
    createContainerEngine({
      database,
      images: {
        resolve: () => image,
        variants: () => [image],
        unpack: async () => image,
        compose: async () => image,
      },
      pack: (request) =>
        pack({ ...request, command: [process.execPath, join(import.meta.dir, '../../bin/pack.ts')] }),
      snapshots: {
        ...snapshots.containers,
        async remove(id) {
          await faults.removesLayer?.();
          await snapshots.containers.remove(id);
        },
      },
      layers: snapshots.layers,
      networks: network.networks,
      endpoints: {
        ...network.endpoints,
        async rename(...names) {
          await faults.renames?.();
          await network.endpoints.rename(...names);
        },
      },
      volumes,
      driver: { ...driver, streams: { ...driver.streams, attachTogether: attachOrNot(driver) } },
      cdi: createCdiDevices([]),
      logs: createContainerLogs(reactor),
      logKeeper: resources.use(createLogKeeper({ reactor, log: silentLog })),
      events: bus,
      log: silentLog,
      now: Date.now,
      settings: {
        containersDirectory: join(directory, 'containers'),
        rootfsDirectory: join(directory, 'rootfs'),
        mountsDirectory: join(directory, 'mounts'),
        engineFolders: [directory],
        emptyDirectory: join(directory, 'empty'),
        filesCommand: [],
        defaultRuntime: 'crun',
        runtimes: ['crun'],
        cgroupParent: '/silo-test',
        initBinary: '',
        logMaxBytes: 1 << 20,
        journalSocket: '/run/systemd/journal/socket',
        log: { driver: 'local', options: {} },
        defaultNetwork: 'bridge',
        host: { architecture: 'amd64', kernelRelease: '6.1.0', cgroupVersion: 1, swapLimit: false },
        security: { preset: 'default', seccomp: 'default', appArmor: false, seLinux: false },
        openFilesLimit: 20_000,
        lowestOomScore: 0,
        userNamespaces: { mode: 'host', area: [] },
      },
    }),
  );
  await engine.recover();
});

afterAll(async () => {
  if (!skip)
    for (const { id } of engine.containers.list())
      await engine.containers.remove(id, { force: true, volumes: true });
  await resources.disposeAsync();
  rmSync(directory, { recursive: true, force: true });
});

function attachOrNot(driver: RuntimeDriver): RuntimeDriver['streams']['attachTogether'] {
  return async (id, clients) => {
    const all = await driver.streams.attachTogether(id, clients);
    if (!deaf) return all;
    return all.map((streams) => {
      streams.onOutput(() => true);
      return { ...streams, onOutput: () => undefined };
    });
  };
}

async function makeImage(layers: Awaited<ReturnType<typeof openSnapshots>>['layers']): Promise<ImageRecord> {
  const chainId = `sha256:${'1'.repeat(64)}` as ChainId;
  const staged = await layers.stage(chainId);
  mkdirSync(join(staged.path, 'bin'));
  copyFileSync('/bin/busybox', join(staged.path, 'bin/busybox'));
  execFileSync('chmod', ['755', join(staged.path, 'bin/busybox')]);
  for (const applet of ['sh', 'echo', 'true', 'cat', 'sleep', 'id'])
    symlinkSync('busybox', join(staged.path, 'bin', applet));
  await staged.commit({ sizeBytes: 1 });
  return {
    id: `sha256:${'2'.repeat(64)}` as ImageId,
    manifestDigest: `sha256:${'3'.repeat(64)}` as Digest,
    variantOf: [],
    form: 'unpacked',
    tags: ['docker.io/library/test:latest'],
    digests: [],
    config: {
      architecture: 'amd64',
      os: 'linux',
      rootfs: { type: 'layers', diff_ids: [] },
      config: { Cmd: ['sh'], Env: ['FROM_IMAGE=1'] },
    },
    layers: [chainId],
    sizeBytes: 1,
    createdAtMs: 0,
  };
}

const place = {
  aliases: [],
  links: [],
  linkLocalAddresses: [],
  driverOptions: {},
  gatewayPriority: 0,
};

const config = (command: string[], change: Partial<ContainerConfig> = {}): ContainerConfig =>
  plainConfig('test', { command, ...change });

/** Runs to the end with output attached before the start, as `run` does. */
async function runToEnd(
  request: ContainerConfig,
): Promise<{ exitCode: number; stdout: string; stderr: string; id: string }> {
  const { id } = await engine.containers.create({ config: request });
  const text = { stdout: '', stderr: '' };
  const output: OutputSink = {
    write(stream, chunk) {
      text[stream] += Buffer.from(chunk).toString();
      return true;
    },
    drained: async () => undefined,
  };
  const ready = Promise.withResolvers<void>();
  const attached = engine.streams.attach(id, {
    output,
    stdout: true,
    stderr: true,
    logs: false,
    stream: true,
    onReady: () => ready.resolve(),
  });
  const waited = engine.containers.wait(id, 'next-exit');
  await ready.promise;
  await engine.containers.start(id);
  const [{ exitCode }] = await Promise.all([waited, attached]);
  return { exitCode, id, ...text };
}

async function messageOf(work: Promise<unknown>): Promise<string> {
  return work.then(
    () => '',
    (error: unknown) => String(error),
  );
}

test.skipIf(skip)('a container runs, its output and exit code arrive, and nothing stays behind', async () => {
  const result = await runToEnd(config(['sh', '-c', 'echo out $FROM_IMAGE; echo err >&2; exit 7']));
  expect(result).toMatchObject({ exitCode: 7, stdout: 'out 1\n', stderr: 'err\n' });
  await engine.containers.remove(result.id, { force: false, volumes: false });
  expect(readdirSync(join(directory, 'rootfs'))).toEqual([]);
  expect(readdirSync(join(directory, 'containers'))).toEqual([]);
  expect(readFileSync('/proc/self/mounts', 'utf8')).not.toContain(result.id);
  expect(events.filter((event) => event.id === result.id).map((event) => event.action)).toEqual([
    'create',
    'attach',
    'start',
    'die',
    'destroy',
  ]);
});

test.skipIf(skip)(
  'a program that does not exist is refused with 127 and can be seen in the record',
  async () => {
    const { id } = await engine.containers.create({ config: config(['/nosuch']) });
    const waited = engine.containers.wait(id, 'next-exit');
    expect(await messageOf(engine.containers.start(id))).toContain('no such file or directory');
    expect((await waited).exitCode).toBe(127);
    expect(engine.containers.get(id)).toMatchObject({ state: { status: 'created', exitCode: 127 } });
    expect(readdirSync(join(directory, 'rootfs'))).toEqual([]);
    await engine.containers.remove(id, { force: false, volumes: false });
  },
);

test.skipIf(skip)('stop ends a container that ignores SIGTERM by SIGKILL', async () => {
  const { id } = await engine.containers.create({ config: config(['sleep', '600']) });
  await engine.containers.start(id);
  await engine.containers.stop(id, { timeoutSeconds: 0 });
  expect(engine.containers.get(id).state).toMatchObject({
    status: 'exited',
    exitCode: 137,
    stoppedByUser: true,
  });
  await engine.containers.remove(id, { force: false, volumes: false });
});

test.skipIf(skip)(
  'exec runs beside the first process, with its environment, and gives its exit code',
  async () => {
    const { id } = await engine.containers.create({ config: config(['sleep', '600'], { env: ['MINE=2'] }) });
    await engine.containers.start(id);
    const execId = await engine.execs.create(id, {
      args: ['sh', '-c', 'echo $MINE; exit 3'],
      env: [],
      terminal: false,
      stdin: false,
      stdout: true,
      stderr: true,
      privileged: false,
    });
    let stdout = '';
    await engine.execs.start(execId, {
      detach: false,
      output: {
        write: (_, chunk) => ((stdout += Buffer.from(chunk).toString()), true),
        drained: async () => undefined,
      },
    });
    expect(stdout).toBe('2\n');
    expect(engine.execs.inspect(execId)).toMatchObject({ running: false, exitCode: 3 });
    expect((await engine.containers.top(id, '')).processes.map((row) => row.at(-1))).toEqual(['sleep 600']);
    await engine.containers.remove(id, { force: true, volumes: false });
  },
);

test.skipIf(skip)(
  'a container on the bridge has an address, a way out of its namespace, and frees it at the end',
  async () => {
    const result = await runToEnd(
      config(
        ['sh', '-c', 'cat /etc/resolv.conf >/dev/null; cat /etc/hosts; cat /sys/class/net/eth0/carrier'],
        { network: { ...config([]).network, mode: 'bridge', endpoints: { bridge: place } } },
      ),
    );
    expect(result.stderr).toBe('');
    expect(result.stdout).toContain('host.docker.internal');
    // Not its `operstate`, which the kernel changes in its own time.
    expect(result.stdout).toEndWith('1\n');
    await engine.containers.remove(result.id, { force: true, volumes: false });
  },
);

test.skipIf(skip)('--rm removes the container after its end, and waiting for that works', async () => {
  const { id } = await engine.containers.create({ config: config(['true'], { autoRemove: true }) });
  const removed = engine.containers.wait(id, 'removed');
  await engine.containers.start(id);
  expect((await removed).exitCode).toBe(0);
  expect(() => engine.containers.get(id)).toThrow('No such container');
});

test.skipIf(skip)('--rm removes a container that could not start, too', async () => {
  const { id } = await engine.containers.create({ config: config(['/nosuch'], { autoRemove: true }) });
  const removed = engine.containers.wait(id, 'removed');
  expect(await messageOf(engine.containers.start(id))).toContain('no such file');
  expect((await removed).exitCode).toBe(127);
});

test.skipIf(skip)(
  'output of a program that ended before its monitor took the connection comes from the log',
  async () => {
    const { id } = await engine.containers.create({ config: config(['sh', '-c', 'echo printed']) });
    let stdout = '';
    const output: OutputSink = {
      write: (_, chunk) => ((stdout += Buffer.from(chunk).toString()), true),
      drained: async () => undefined,
    };
    const ready = Promise.withResolvers<void>();
    deaf = true;
    const attached = engine.streams.attach(id, {
      output,
      stdout: true,
      stderr: true,
      logs: false,
      stream: true,
      onReady: () => ready.resolve(),
    });
    await ready.promise;
    await engine.containers.start(id);
    await attached;
    deaf = false;
    expect(stdout).toBe('printed\n');
    await engine.containers.remove(id, { force: true, volumes: false });
  },
);

test.skipIf(skip)('files that cannot be removed keep nobody waiting for a removed container', async () => {
  const { id } = await engine.containers.create({ config: config(['true'], { autoRemove: true }) });
  const removed = engine.containers.wait(id, 'removed');
  faults.removesLayer = () => Promise.reject(new Error('the disk fails'));
  try {
    await engine.containers.start(id);
    expect((await removed).exitCode).toBe(0);
  } finally {
    delete faults.removesLayer;
  }
  expect(events.at(-1)).toMatchObject({ id, action: 'destroy' });
  expect(existsSync(join(directory, 'containers', id))).toBe(false);
});

test.skipIf(skip)('a restart that waits while its container is stopped does not start it', async () => {
  const failing = config(['sh', '-c', 'exit 3'], { restart: { name: 'always', maximumRetryCount: 0 } });
  const { id } = await engine.containers.create({ config: failing, name: 'stubborn' });
  const released = Promise.withResolvers<void>();
  const held = Promise.withResolvers<void>();
  faults.renames = () => (held.resolve(), released.promise);
  await engine.containers.start(id);
  const isWaiting = (): boolean => engine.containers.get(id).state.status === 'restarting';
  while (!isWaiting()) await new Promise(setImmediate);
  // Whoever renames it holds its lock; the attempt comes due behind the stop.
  const renamed = engine.containers.rename(id, 'renamed');
  await held.promise;
  const stopped = isWaiting() ? engine.containers.stop(id, {}) : Promise.resolve();
  await new Promise((resolve) => setTimeout(resolve, 500));
  const startsBefore = startsOf(id);
  released.resolve();
  delete faults.renames;
  await Promise.all([renamed, stopped]);
  await engine.containers.rename(id, 'stubborn');
  expect([engine.containers.get(id).state.status, startsOf(id)]).toEqual(['exited', startsBefore]);
  await engine.containers.remove(id, { force: true, volumes: false });
});

const startsOf = (id: string): number =>
  events.filter((event) => event.id === id && event.action === 'start').length;

test.skipIf(skip)('processes that are made and never started do not pile up', async () => {
  const { id } = await engine.containers.create({ config: config(['sleep', '600']) });
  await engine.containers.start(id);
  const request = {
    args: ['true'],
    env: [],
    terminal: false,
    stdin: false,
    stdout: true,
    stderr: true,
    privileged: false,
  };
  const [first] = await Promise.all(Array.from({ length: 1_100 }, () => engine.execs.create(id, request)));
  expect(engine.execs.of(id)).toHaveLength(1_000);
  expect(() => engine.execs.inspect(String(first))).toThrow('No such exec instance');
  await engine.containers.remove(id, { force: true, volumes: false });
});
