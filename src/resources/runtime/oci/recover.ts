import { existsSync, statSync } from 'node:fs';
import { readdir, readFile, rm } from 'node:fs/promises';
import type { ContainerId, ExecId } from '../../../foundation/base/ids.ts';
import { watchPid } from '../../../foundation/kernel/pidfd.ts';
import type { SpecProcess } from '../../../foundation/oci/runtime-spec.ts';
import type { ExitInfo, RecoveredContainer } from '../runtime.ts';
import type { Context, TrackedContainer } from './context.ts';
import { settleRecoveredExec } from './execs.ts';
import { readExit, trackContainer } from './exits.ts';
import { findMonitor } from './find-monitor.ts';
import { killMonitor, readPidFile } from './monitor.ts';
import { takeBackNullDevice } from './null-device.ts';
import { readRecord } from './record.ts';
import { startFifo } from './runtime-program.ts';

const SIGKILL = 9;
const idPattern = /^[0-9a-f]{64}$/;

/** Looks at each container's folder once; what was interrupted in the middle of `create` or `delete` comes out as `lost`. */
export async function recover(context: Context, root: string): Promise<RecoveredContainer[]> {
  takeBackNullDevice();
  const names = (await readdir(root)).filter((name) => idPattern.test(name)) as ContainerId[];
  const untracked = names.filter((id) => !context.containers.has(id));
  return Promise.all(untracked.map((id) => recoverContainer(context, id)));
}

async function recoverContainer(context: Context, id: ContainerId): Promise<RecoveredContainer> {
  const paths = context.layout.container(id);
  const record = readRecord(paths.record);
  if (!record) return { id, status: { status: 'lost' }, execs: [] };
  const exit = readExit(context, id, record);
  if (exit) {
    trackEnded(context, id, { record, exit });
    return { id, status: { status: 'ended', exit, begunAtMs: statSync(paths.record).mtimeMs }, execs: [] };
  }
  const monitor = await findMonitor(paths);
  const pid = readPidFile(paths.pidFile);
  const gone = monitor && pid !== undefined ? processEnd(context, monitor.pid) : undefined;
  if (!gone || pid === undefined) {
    // Not yet made, or its monitor was killed: without one its output and its exit code are lost, so it must not go on.
    if (monitor) killMonitor(monitor);
    for (const member of context.cgroups.processes(record.cgroupsPath)) killProcess(member);
    return { id, status: { status: 'lost' }, execs: [] };
  }
  trackContainer(context, id, { pid, record, monitorGone: gone });
  const program = context.programs.get(record.runtimeName);
  const status = existsSync(startFifo(program, id)) ? 'created' : 'running';
  return { id, status: { status, pid }, execs: await recoverExecs(context, id) };
}

function trackEnded(
  context: Context,
  id: ContainerId,
  found: Pick<TrackedContainer, 'record'> & { exit: ExitInfo },
): void {
  const exit = Promise.withResolvers<ExitInfo>();
  exit.resolve(found.exit);
  context.containers.set(id, {
    id,
    record: found.record,
    init: { pid: 0, pidfd: undefined },
    exit,
    ended: true,
    resources: new DisposableStack(),
  });
}

async function recoverExecs(context: Context, id: ContainerId): Promise<ExecId[]> {
  const names = await readdir(context.layout.container(id).execs).catch(() => []);
  const alive = await Promise.all(names.map((name) => recoverExec(context, id, name as ExecId)));
  return alive.filter((execId) => execId !== undefined);
}

async function recoverExec(context: Context, id: ContainerId, execId: ExecId): Promise<ExecId | undefined> {
  const paths = context.layout.exec(id, execId);
  const monitor = await findMonitor(paths);
  const pid = readPidFile(paths.pidFile);
  const gone = monitor && pid !== undefined ? processEnd(context, monitor.pid) : undefined;
  if (!gone || pid === undefined) {
    if (monitor) killMonitor(monitor);
    await rm(paths.folder, { recursive: true, force: true });
    return undefined;
  }
  const exit = Promise.withResolvers<ExitInfo>();
  const exec = { id, execId, pid, terminal: await hasTerminal(paths.process), exit, monitorGone: gone };
  context.execs.set(execId, exec);
  void gone.then(() => settleRecoveredExec(context, exec));
  return execId;
}

async function hasTerminal(processFile: string): Promise<boolean> {
  const { terminal } = JSON.parse(await readFile(processFile, 'utf8')) as SpecProcess;
  return terminal ?? false;
}

/** undefined when it is gone already. */
function processEnd(context: Context, pid: number): Promise<void> | undefined {
  const { promise, resolve } = Promise.withResolvers<void>();
  return watchPid(context.reactor, pid, resolve) ? promise : undefined;
}

function killProcess(pid: number): void {
  try {
    process.kill(pid, SIGKILL);
  } catch {
    // Ended in between.
  }
}
