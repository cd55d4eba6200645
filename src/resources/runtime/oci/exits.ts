import { readFileSync, rmSync, statSync } from 'node:fs';
import type { ContainerId } from '../../../foundation/base/ids.ts';
import { closeDescriptor } from '../../../foundation/kernel/at.ts';
import { IN_MOVED_TO, IN_Q_OVERFLOW, watchDirectory } from '../../../foundation/kernel/inotify.ts';
import { openPidfd, sendSignal } from '../../../foundation/kernel/pidfd.ts';
import type { ExitInfo } from '../runtime.ts';
import type { Context, TrackedContainer } from './context.ts';
import type { ContainerRecord } from './record.ts';

const SIGKILL = 9;
/** What a shell gives for a process that was killed. */
const killedCode = 137;

/** Follows a container until its end. `monitorGone` settles when its conmon has exited, whether or not it reported. */
export function trackContainer(
  context: Context,
  id: ContainerId,
  found: { pid: number; record: ContainerRecord; monitorGone: Promise<void> },
): TrackedContainer {
  const resources = new DisposableStack();
  const pidfd = openPidfd(found.pid);
  if (pidfd !== undefined) resources.defer(() => closeDescriptor(pidfd));
  const container: TrackedContainer = {
    id,
    record: found.record,
    init: { pid: found.pid, pidfd },
    exit: Promise.withResolvers<ExitInfo>(),
    ended: false,
    resources,
  };
  context.containers.set(id, container);
  void found.monitorGone.then(() => settle(context, container));
  return container;
}

/**
 * Exit files appear by rename, after the last output was written to the log (conmon.c: drain, sync, then the file). Notices of
 * containers that are not tracked are left for `recover`.
 */
export function watchExits(context: Context): Disposable {
  return watchDirectory(context.reactor, context.layout.exits, IN_MOVED_TO, (name, mask) => {
    const noticed = mask & IN_Q_OVERFLOW ? [...context.containers.keys()] : [name as ContainerId];
    for (const id of noticed) {
      const container = context.containers.get(id);
      if (container && readExit(context, id, container.record)) settle(context, container);
    }
  });
}

/** Reports the end once: with the code that conmon wrote, or, when conmon died without one, by killing what it left. */
function settle(context: Context, container: TrackedContainer): void {
  if (container.ended) return;
  container.ended = true;
  const { id, record, init } = container;
  const written = readExit(context, id, record);
  if (!written) {
    context.log.error('the monitor of a container died; the container is killed', { container: id });
    if (init.pidfd !== undefined) sendSignal(init.pidfd, SIGKILL);
  }
  const exit = written ?? { exitCode: killedCode, oomKilled: false, finishedAtMs: Date.now() };
  container.resources.dispose();
  rmSync(context.layout.container(id).exitNotice, { force: true });
  container.exit.resolve(exit);
  // After the continuation of whoever is still inside `create` or `start`.
  setImmediate(() => context.emit({ id, ...exit }));
}

/** undefined while it runs. */
export function readExit(context: Context, id: ContainerId, record: ContainerRecord): ExitInfo | undefined {
  const paths = context.layout.container(id);
  const exit = readExitFile(paths.exitNotice) ?? readExitFile(paths.exitFile);
  if (!exit) return undefined;
  const oomKilled = isPresent(paths.oomFile) || context.cgroups.wasOomKilled(record.cgroupsPath);
  return { ...exit, oomKilled };
}

export function readExitFile(path: string): Omit<ExitInfo, 'oomKilled'> | undefined {
  try {
    const code = Number(readFileSync(path, 'utf8').trim());
    // conmon writes -1 when it could not tell.
    return { exitCode: Number.isInteger(code) ? code & 0xff : 255, finishedAtMs: statSync(path).mtimeMs };
  } catch {
    return undefined;
  }
}

function isPresent(path: string): boolean {
  return statSync(path, { throwIfNoEntry: false }) !== undefined;
}
