import { rmSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { withDeadline } from '../../../foundation/base/deadline.ts';
import { faultPoint } from '../../../foundation/base/fault.ts';
import type { ContainerId } from '../../../foundation/base/ids.ts';
import { removeFolder } from '../../../foundation/base/remove-folder.ts';
import { sendSignal, watchPid } from '../../../foundation/kernel/pidfd.ts';
import type { Context } from './context.ts';
import { findMonitor } from './find-monitor.ts';
import { killMonitor } from './monitor.ts';
import { readRecord } from './record.ts';
import { runRuntime, runtimeState } from './runtime-program.ts';

const SIGKILL = 9;
/** Processes can fork while we kill them; a handful of rounds outruns all but a fork bomb, which its pid limit stops. */
const killRounds = 5;

/**
 * The container's folder goes last: as long as it is there, `recover` still finds the rest. An ended container leaves only folders, which
 * are removed without running anything. Whatever state a half-made one is in, killing its control group and removing the folders is
 * enough: a runtime keeps nothing else.
 */
export async function removeContainer(context: Context, id: ContainerId): Promise<void> {
  const paths = context.layout.container(id);
  const record = context.containers.get(id)?.record ?? readRecord(paths.record);
  await stop(context, id, record?.cgroupsPath);
  faultPoint('runtime.delete.stopped');
  if (record) {
    const program = context.programs.get(record.runtimeName);
    if (!(await removeCgroup(context, record.cgroupsPath)))
      await runRuntime(program, { args: ['delete', '--force', id], deadlineMs: context.deadlineMs });
    faultPoint('runtime.delete.cgroup');
    await rm(runtimeState(program, id), { recursive: true, force: true });
  }
  context.containers.delete(id);
  rmSync(paths.exitNotice, { force: true });
  await removeFolder(paths.folder);
  faultPoint('runtime.delete.removed');
}

/** Ends the first process, or the monitor when that is not tracked, and waits until the end was seen. */
async function stop(context: Context, id: ContainerId, cgroupsPath: string | undefined): Promise<void> {
  const container = context.containers.get(id);
  if (container) {
    if (container.ended) return;
    if (container.init.pidfd !== undefined) sendSignal(container.init.pidfd, SIGKILL);
    context.cgroups.thaw(container.record.cgroupsPath);
    await withDeadline(container.exit.promise, context.deadlineMs, `ending container ${id}`);
    return;
  }
  const monitor = await findMonitor(context.layout.container(id));
  if (!monitor) return;
  const gone = processEnd(context, monitor.pid);
  killMonitor(monitor);
  if (cgroupsPath !== undefined) context.cgroups.thaw(cgroupsPath);
  await withDeadline(gone, context.deadlineMs, `ending the monitor of container ${id}`);
}

async function removeCgroup(context: Context, cgroupsPath: string): Promise<boolean> {
  for (let round = 0; round < killRounds; round++) {
    if (context.cgroups.remove(cgroupsPath)) return true;
    const pids = context.cgroups.processes(cgroupsPath);
    const ends = pids.map((pid) => processEnd(context, pid));
    for (const pid of pids) signalProcess(pid, SIGKILL);
    context.cgroups.thaw(cgroupsPath);
    await withDeadline(Promise.all(ends), context.deadlineMs, `ending the processes of ${cgroupsPath}`);
  }
  return context.cgroups.remove(cgroupsPath);
}

/** SIGKILL is repeated until nothing is left that could have forked in between. */
export function signalGroup(context: Context, cgroupsPath: string, signal: number): void {
  const rounds = signal === SIGKILL ? killRounds : 1;
  for (let round = 0; round < rounds; round++) {
    const pids = context.cgroups.processes(cgroupsPath);
    if (pids.length === 0) return;
    for (const pid of pids) signalProcess(pid, signal);
  }
}

function signalProcess(pid: number, signal: number): void {
  try {
    process.kill(pid, signal);
  } catch {
    // Ended in between.
  }
}

function processEnd(context: Context, pid: number): Promise<void> {
  return new Promise((resolve) => {
    if (!watchPid(context.reactor, pid, resolve)) resolve();
  });
}
