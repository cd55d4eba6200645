import { spawnSync } from 'node:child_process';
import { copyFileSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import {
  parseContainerId,
  parseExecId,
  randomHexId,
  type ContainerId,
} from '../../../foundation/base/ids.ts';
import { silentLog } from '../../../foundation/base/log.ts';
import { createReactor, type Reactor } from '../../../foundation/kernel/reactor.ts';
import type { RuntimeSpec } from '../../../foundation/oci/runtime-spec.ts';
import type { AttachedStreams, CreateContainer, RuntimeDriver, RuntimeExit } from '../runtime.ts';
import { createCgroups } from './cgroups.ts';
import { createOciDriver, type OciDriverOptions } from './driver.ts';

/** Why the tests of this folder cannot run here; empty when they can. */
export const cannotRun =
  process.getuid?.() !== 0
    ? 'needs root'
    : ['/usr/bin/crun', '/usr/bin/conmon', '/bin/busybox'].filter((path) => !existsSync(path)).join(', ');
if (cannotRun) console.log(`skipping the tests of the oci driver: ${cannotRun}`);

/** Of this process and the engines that it starts: somebody else's run of the same tests removes its own at its end. */
export const cgroupParent = (process.env['SILO_TEST_CGROUP'] ??= `/silo-test-${process.pid}`);

/** A busybox root file system, a driver, and a record of exits; disposing removes every container. */
export interface Fixture extends AsyncDisposable {
  folder: string;
  driver: RuntimeDriver;
  reactor: Reactor;
  request(args: string[], change?: (request: CreateContainer) => void): CreateContainer;
  exitOf(id: string): Promise<RuntimeExit>;
  logOf(id: ContainerId): string;
}

const applets = 'sh true false cat echo sleep ls id stty head dd kill ps wc tr seq yes mkdir touch env'.split(
  ' ',
);

export function makeRootfs(folder: string): string {
  const rootfs = join(folder, 'rootfs');
  for (const name of ['bin', 'proc', 'sys', 'dev', 'tmp', 'etc'])
    mkdirSync(join(rootfs, name), { recursive: true });
  copyFileSync('/bin/busybox', join(rootfs, 'bin/busybox'));
  for (const applet of applets) symlinkSync('busybox', join(rootfs, 'bin', applet));
  return rootfs;
}

export async function createFixture(options: Partial<OciDriverOptions> = {}): Promise<Fixture> {
  const folder = options.directory ?? mkdtempSync(join(tmpdir(), 'silo-oci-'));
  const rootfs = join(folder, 'rootfs');
  if (!existsSync(rootfs)) makeRootfs(folder);
  const reactor = createReactor();
  const directory = join(folder, 'run');
  const driver = await createOciDriver({
    runtimes: { crun: '/usr/bin/crun', runc: '/usr/sbin/runc' },
    defaultRuntime: 'crun',
    conmon: '/usr/bin/conmon',
    log: silentLog,
    ...options,
    directory,
    reactor,
  });
  const exits = new Map<string, PromiseWithResolvers<RuntimeExit>>();
  const exitSlot = (id: string): PromiseWithResolvers<RuntimeExit> => {
    const slot = exits.get(id) ?? Promise.withResolvers<RuntimeExit>();
    exits.set(id, slot);
    return slot;
  };
  driver.containers.onExit((exit) => exitSlot(exit.execId ?? exit.id).resolve(exit));
  const used = new Set<ContainerId>();
  return {
    folder,
    driver,
    reactor,
    request(args, change) {
      const id = parseContainerId(randomHexId());
      used.add(id);
      const request: CreateContainer = {
        id,
        spec: makeSpec(id, rootfs, args),
        terminal: false,
        stdin: 'none',
        log: { path: join(folder, `${id}.log`), driver: 'k8s-file' },
      };
      change?.(request);
      request.spec.process.terminal = request.terminal;
      return request;
    },
    exitOf: (id) => exitSlot(id).promise,
    logOf: (id) => readFileSync(join(folder, `${id}.log`), 'utf8'),
    async [Symbol.asyncDispose]() {
      for (const id of used) await driver.containers.delete(id);
      createCgroups().remove(cgroupParent);
      await driver[Symbol.asyncDispose]();
      reactor[Symbol.dispose]();
      if (options.directory === undefined) rmSync(folder, { recursive: true, force: true });
    },
  };
}

function makeSpec(id: string, rootfs: string, args: string[]): RuntimeSpec {
  const capabilities = ['CAP_KILL', 'CAP_SETUID', 'CAP_SETGID'];
  return {
    ociVersion: '1.0.2',
    process: {
      user: { uid: 0, gid: 0 },
      args,
      env: ['PATH=/bin'],
      cwd: '/',
      capabilities: {
        bounding: capabilities,
        effective: capabilities,
        permitted: capabilities,
        inheritable: [],
        ambient: [],
      },
    },
    root: { path: rootfs },
    hostname: 'test',
    mounts: [
      { destination: '/proc', type: 'proc', source: 'proc' },
      { destination: '/dev', type: 'tmpfs', source: 'tmpfs', options: ['nosuid', 'mode=755', 'size=65536k'] },
      {
        destination: '/dev/pts',
        type: 'devpts',
        source: 'devpts',
        options: ['nosuid', 'noexec', 'newinstance', 'ptmxmode=0666', 'mode=0620', 'gid=5'],
      },
    ],
    linux: {
      cgroupsPath: `${cgroupParent}/${id}`,
      namespaces: [{ type: 'pid' }, { type: 'network' }, { type: 'ipc' }, { type: 'uts' }, { type: 'mount' }],
      resources: { devices: [{ allow: false, access: 'rwm' }] },
    },
  };
}

/** What comes out until the end, per stream. */
export async function collectOutput(streams: AttachedStreams): Promise<{ stdout: string; stderr: string }> {
  const chunks = { stdout: [] as Buffer[], stderr: [] as Buffer[] };
  streams.onOutput((stream, chunk) => {
    chunks[stream].push(Buffer.from(chunk));
    return true;
  });
  await streams.closed;
  return {
    stdout: Buffer.concat(chunks.stdout).toString(),
    stderr: Buffer.concat(chunks.stderr).toString(),
  };
}

/** Resolves once the output so far contains the text. */
export function waitForOutput(streams: AttachedStreams, text: string): Promise<string> {
  let seen = '';
  return new Promise((resolve, reject) => {
    streams.onOutput((_, chunk) => {
      seen += Buffer.from(chunk).toString();
      if (seen.includes(text)) resolve(seen);
      return true;
    });
    void streams.closed.then(() => reject(new Error(`ended without ${text}: ${seen}`)));
  });
}

export function newExecId() {
  return parseExecId(randomHexId());
}

/** Processes whose command line mentions the text. */
export function processesWith(text: string): string[] {
  const { stdout } = spawnSync('ps', ['-eo', 'pid,args'], { encoding: 'utf8' });
  return stdout.split('\n').filter((line) => line.includes(text) && !line.includes('ps -eo'));
}
