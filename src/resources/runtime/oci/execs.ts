import { chownSync, mkdirSync, readdirSync, readlinkSync, writeFileSync, writeSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { kill } from 'node:process';
import { withDeadline } from '../../../foundation/base/deadline.ts';
import { conflict, internal } from '../../../foundation/base/errors.ts';
import { faultPoint } from '../../../foundation/base/fault.ts';
import { removeFolder } from '../../../foundation/base/remove-folder.ts';
import { closeDescriptor } from '../../../foundation/kernel/at.ts';
import { createPipe } from '../../../foundation/kernel/pipe.ts';
import { connectSeqpacket } from '../../../foundation/kernel/seqpacket.ts';
import type { ContainerId } from '../../../foundation/base/ids.ts';
import type { AttachedStreams, ExecProcess, Execs, ExitInfo } from '../runtime.ts';
import { soleConnection } from './shared-connection.ts';
import { commonArgs, formatSpec, getTracked } from './containers.ts';
import type { Context, TrackedExec } from './context.ts';
import { readExitFile } from './exits.ts';
import { spawnMonitor, type Monitor } from './monitor.ts';
import { takeBackNullDevice } from './null-device.ts';
import { toRuntimeError } from './runtime-error.ts';

const killedCode = 137;

export function createExecs(context: Context): Execs {
  return {
    exec: (request) => exec(context, request),
    killExec: async (id, execId) => killExec(id, context.execs.get(execId)?.pid ?? 0),
    async forgetExec(id, execId) {
      const exec = context.execs.get(execId);
      context.execs.delete(execId);
      await exec?.monitorGone;
      await removeFolder(context.layout.exec(id, execId).folder);
    },
  };
}

async function exec(
  context: Context,
  request: ExecProcess,
): Promise<{ pid: number; streams?: AttachedStreams }> {
  const { id, execId, process } = request;
  const container = getTracked(context, id);
  if (container.ended) throw conflict(`container ${id} is not running`, { code: 'not-running' });
  const program = context.programs.get(container.record.runtimeName);
  const paths = context.layout.exec(id, execId);
  await using undo = new AsyncDisposableStack();
  undo.defer(takeBackNullDevice);
  mkdirSync(paths.folder, { recursive: true, mode: 0o700 });
  undo.defer(() => removeFolder(paths.folder));
  writeFileSync(paths.process, formatSpec(process), { mode: 0o600 });
  faultPoint('runtime.exec.bundle');
  const parked = startMonitor(context, request, [
    ...commonArgs(program),
    '--exec',
    `--cid=${id}`,
    `--cuuid=${execId}`,
    `--bundle=${paths.folder}`,
    `--container-pidfile=${paths.pidFile}`,
    `--exec-process-spec=${paths.process}`,
    `--exit-dir=${paths.folder}`,
    '--log-path=none',
    ...(process.terminal ? ['--terminal', '--leave-stdin-open'] : []),
    ...(request.stdin ? ['--stdin'] : []),
    ...(request.attach ? ['--exec-attach'] : []),
  ]);
  const { monitor } = parked;
  undo.defer(() => monitor.kill());
  undo.defer(() => parked.close());
  faultPoint('runtime.exec.monitor');
  const tracked: TrackedExec = {
    id,
    execId,
    pid: 0,
    terminal: process.terminal ?? false,
    exit: Promise.withResolvers<ExitInfo>(),
    monitorGone: monitor.gone,
  };
  const streams = request.attach ? await parked.attach(tracked) : undefined;
  if (streams) undo.defer(() => streams[Symbol.dispose]());
  const message = await withDeadline(
    monitor.nextMessage(),
    context.deadlineMs,
    `starting a process with ${program.name}`,
  );
  if (!message || message.data <= 0)
    throw toRuntimeError({
      call: 'exec',
      runtime: program.name,
      output: message?.message || monitor.earlyOutput(),
      program: process.args[0] ?? '',
      cwd: process.cwd,
    });
  // Without a client there is no moment before the program: this one is soon enough for most.
  if (request.streamOwner && !request.attach) ownPipes(monitor.identity.pid, request.streamOwner);
  takeBackNullDevice();
  tracked.pid = message.data;
  followExec(context, tracked, monitor);
  undo.move();
  parked.close();
  return { pid: message.data, ...(streams ? { streams } : {}) };
}

/** Runtimes start every process as leader of a session, so its group is the program and what it started. */
async function killExec(id: ContainerId, pid: number): Promise<void> {
  if (pid <= 1) return;
  const membership = await readFile(`/proc/${pid}/cgroup`, 'utf8').catch(() => '');
  // The number may be another process's by now.
  if (!membership.includes(id)) return;
  for (const target of [-pid, pid]) sendKill(target);
}

function sendKill(target: number): void {
  try {
    kill(target, 'SIGKILL');
  } catch (error) {
    if (!(error instanceof Error && 'code' in error && error.code === 'ESRCH')) throw error;
  }
}

interface ParkedMonitor {
  monitor: Monitor;
  /** Connects while the process waits, then lets it run. */
  attach(exec: TrackedExec): Promise<AttachedStreams>;
  close(): void;
}

/**
 * With attaching conmon waits twice on its start pipe: before it begins, and, after its socket is there (it says so with a message), before
 * the runtime starts the program. The first byte is in the pipe from the start.
 */
function startMonitor(context: Context, request: ExecProcess, args: string[]): ParkedMonitor {
  const paths = context.layout.exec(request.id, request.execId);
  const spawnWith = (startPipe?: { readFd: number }): Monitor =>
    spawnMonitor(context.reactor, {
      conmon: context.conmon,
      args,
      paths,
      ...(startPipe ? { startPipe } : {}),
    });
  if (!request.attach)
    return {
      monitor: spawnWith(),
      attach: () => Promise.reject(internal('not attached')),
      close: () => undefined,
    };
  using undo = new DisposableStack();
  const pipe = createPipe();
  const reading = undo.adopt(pipe.readFd, closeDescriptor);
  const writing = new DisposableStack();
  writing.adopt(pipe.writeFd, closeDescriptor);
  writeSync(pipe.writeFd, '1');
  const monitor = spawnWith({ readFd: reading });
  return {
    monitor,
    close: () => writing.dispose(),
    async attach(tracked) {
      const ready = await withDeadline(
        monitor.nextMessage(),
        context.deadlineMs,
        'starting the monitor of a process',
      );
      if (!ready) throw internal(`the monitor of the process ended: ${monitor.earlyOutput().trim()}`);
      const socket = await connectSeqpacket(context.reactor, paths.attachSocket);
      const target = {
        get pid() {
          return tracked.pid;
        },
        anyEndClosesInput: !tracked.terminal,
        ended: tracked.exit.promise,
      };
      const streams = soleConnection(context.reactor, socket, target);
      if (request.streamOwner) ownPipes(monitor.identity.pid, request.streamOwner);
      writeSync(pipe.writeFd, '1');
      return streams;
    },
  };
}

/** The program may open its own streams by name (`/dev/stdout`) only as their owner. */
function ownPipes(monitorPid: number, { uid, gid }: { uid: number; gid: number }): void {
  const folder = `/proc/${monitorPid}/fd`;
  try {
    for (const name of readdirSync(folder))
      if (readlinkSync(`${folder}/${name}`).startsWith('pipe:')) chownSync(`${folder}/${name}`, uid, gid);
  } catch (error) {
    // It has ended already.
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
  }
}

/** conmon's last message is the exit code, after all output was passed on. */
function followExec(context: Context, exec: TrackedExec, monitor: Monitor): void {
  context.execs.set(exec.execId, exec);
  void monitor.nextMessage().then((message) => {
    const exitCode = message ? message.data & 0xff : killedCode;
    settleExec(context, exec, { exitCode, oomKilled: false, finishedAtMs: Date.now() });
  });
}

/** For an exec of a former engine, whose sync pipe is gone: its exit file tells. */
export function settleRecoveredExec(context: Context, exec: TrackedExec): void {
  const written = readExitFile(context.layout.exec(exec.id, exec.execId).exitFile);
  const exit = written ?? { exitCode: killedCode, finishedAtMs: Date.now() };
  settleExec(context, exec, { ...exit, oomKilled: false });
}

function settleExec(context: Context, exec: TrackedExec, exit: ExitInfo): void {
  exec.exit.resolve(exit);
  setImmediate(() => context.emit({ id: exec.id, execId: exec.execId, ...exit }));
}
