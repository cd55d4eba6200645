import { mkdir, rmdir } from 'node:fs/promises';
import { join } from 'node:path';
import { notModified, SiloError, toSiloError } from '../../foundation/base/errors.ts';
import { faultPoint } from '../../foundation/base/fault.ts';
import type { ContainerId } from '../../foundation/base/ids.ts';
import { mountOverlay, unmount } from '../../foundation/kernel/mount.ts';
import { openRoot } from '../../foundation/kernel/rooted.ts';
import { toSpec } from '../../resources/spec/to-spec.ts';
import { handOverParked, releaseParked } from './attach.ts';
import type { ContainerRecord } from './container.ts';
import { type Context, publish } from './context.ts';
import { writeEtcFiles } from './etc-files.ts';
import { attachNetwork, reserveNetwork } from './networking.ts';
import { toSpecInput } from './spec-input.ts';
import { removeLocked } from './remove.ts';
import { isRunning, next } from './state.ts';
import { settleWaiters } from './wait.ts';
import { failureExitCode } from './start-failure.ts';

/** Starts a container that does not run; on failure everything of the attempt is undone and the reason kept in the record. */
export async function startContainer(context: Context, nameOrId: string): Promise<void> {
  const { id } = context.store.get(nameOrId);
  await context.locks.run(id, () => startLocked(context, id));
}

export async function startLocked(context: Context, id: ContainerId): Promise<void> {
  const record = context.store.get(id);
  if (isRunning(record.state)) throw notModified(`container ${record.name} is already running`);
  const starting = next(record.state, { type: 'start', atMs: context.now() });
  const live = context.live.of(id);
  live.ended = Promise.withResolvers<void>();
  live.stopRequested = false;
  try {
    const { pid, startedAtMs } = await launch(context, record);
    const state = next(starting, { type: 'started', pid, atMs: startedAtMs });
    const started = context.store.updateRunning(id, { state, error: '' });
    faultPoint('container.start.recorded');
    publish(context, started, 'start');
  } catch (thrown) {
    const error = toSiloError(thrown);
    const exitCode = failureExitCode(error);
    const state = next(starting, { type: 'start-failed', exitCode, atMs: context.now() });
    const failed = context.store.update(id, { state, error: error.message });
    live.ended.resolve();
    releaseParked(context, record);
    settleWaiters(context, failed, ['next-exit', 'not-running'], { exitCode, error: error.message });
    if (record.config.autoRemove) await removeLocked(context, failed, { volumes: true });
    throw thrown;
  }
}

/** From record to running process. What each step took is given back when a later one fails. */
async function launch(
  context: Context,
  record: ContainerRecord,
): Promise<{ pid: number; startedAtMs: number }> {
  const { id } = record;
  await using undo = new AsyncDisposableStack();
  undo.defer(() => cleanUpRun(context, id));
  const rootfsPath = await mountRootfs(context, id);
  faultPoint('container.start.mounted');
  const endpoints = await reserveNetwork(context, record);
  faultPoint('container.start.reserved');
  const etcFiles = await writeEtcFiles(context, record, endpoints);
  using root = openRoot(rootfsPath);
  if (record.config.workingDir) makeWorkingDirectory(root, record.config.workingDir);
  const spec = toSpec(toSpecInput(context, record, { root, rootfsPath, etcFiles }));
  const { config } = record;
  const { pid } = await context.driver.containers.create({
    id,
    spec,
    terminal: config.terminal,
    stdin: config.openStdin ? (config.stdinOnce ? 'once' : 'open') : 'none',
    log: {
      path: record.logPath,
      driver: config.log.driver === 'none' ? 'none' : 'k8s-file',
      maxSizeBytes: context.settings.logMaxBytes,
    },
    runtimeName: record.runtimeName,
  });
  faultPoint('container.start.created');
  await attachNetwork(context, endpoints, pid);
  faultPoint('container.start.networked');
  await handOverParked(context, record);
  const startedAtMs = context.now();
  await context.driver.containers.start(id);
  faultPoint('container.start.started');
  undo.move();
  return { pid, startedAtMs };
}

async function mountRootfs(context: Context, id: ContainerId): Promise<string> {
  const snapshot = await context.snapshots.find(id);
  if (!snapshot)
    throw new SiloError('corrupt', `the writable layer of container ${id} is missing`, {
      hint: 'its files are gone: remove the container and create it again',
    });
  const target = join(context.settings.rootfsDirectory, id);
  await mkdir(target, { recursive: true, mode: 0o700 });
  mountOverlay({ ...snapshot.mount, target });
  return target;
}

/** Docker makes a missing working directory; one that is a file is refused in its words. */
function makeWorkingDirectory(root: ReturnType<typeof openRoot>, path: string): void {
  try {
    root.mkdirAll(path);
  } catch (cause) {
    throw new SiloError('invalid', `Cannot mkdir: ${path} is not a directory`, {
      code: 'working-directory',
      cause,
    });
  }
}

/**
 * Gives back what a run holds: the runtime's state, addresses and ports, the mount. Each step is safe to repeat and a failure of one does not keep the
 * others from running; what stays behind is found again at the next start of the engine.
 */
export async function cleanUpRun(context: Context, id: ContainerId): Promise<void> {
  const results = await Promise.allSettled([
    context.driver.containers.delete(id),
    context.endpoints.release(id),
  ]);
  for (const result of results)
    if (result.status === 'rejected')
      context.log.warn(`cleaning up after container ${id}: ${toSiloError(result.reason).message}`);
  await unmountRootfs(context, id);
}

export async function unmountRootfs(
  context: Pick<Context, 'settings' | 'log'>,
  id: ContainerId,
): Promise<void> {
  const target = join(context.settings.rootfsDirectory, id);
  try {
    unmount(target, { detach: true });
  } catch {
    // Not mounted: the run ended before its mount, or an earlier cleaning did it.
  }
  await rmdir(target).catch((error: NodeJS.ErrnoException) => {
    if (error.code !== 'ENOENT') context.log.warn(`${target} stays: ${error.message}`);
  });
}
