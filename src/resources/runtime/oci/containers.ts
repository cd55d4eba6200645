import { closeSync, constants, mkdirSync, openSync, rmSync, writeFileSync, writeSync } from 'node:fs';
import { withDeadline } from '../../../foundation/base/deadline.ts';
import { conflict, internal, invalid, notFound } from '../../../foundation/base/errors.ts';
import { faultPoint } from '../../../foundation/base/fault.ts';
import type { ContainerId } from '../../../foundation/base/ids.ts';
import { type HardLimit, withHardLimits } from '../../../foundation/kernel/process-limits.ts';
import { sendSignal, watchPid } from '../../../foundation/kernel/pidfd.ts';
import type { RuntimeSpec } from '../../../foundation/oci/runtime-spec.ts';
import type { CreateContainer, CreatedContainer, Runtime } from '../runtime.ts';
import type { Context, TrackedContainer } from './context.ts';
import { trackContainer } from './exits.ts';
import { findMonitor } from './find-monitor.ts';
import { killMonitor, spawnMonitor } from './monitor.ts';
import type { ContainerRecord } from './record.ts';
import { takeBackNullDevice } from './null-device.ts';
import { removeContainer, signalGroup } from './remove.ts';
import { toRuntimeError } from './runtime-error.ts';
import { runRuntime, startFifo, type RuntimeProgram } from './runtime-program.ts';

export type ContainerLifecycle = Pick<Runtime, 'create' | 'start' | 'kill' | 'delete'>;

export function createLifecycle(context: Context): ContainerLifecycle {
  return {
    create: (request) => create(context, request),
    start: (id) => start(context, id),
    kill: (id, signal, options) => kill(context, id, signal, options?.all ?? false),
    delete: (id) => removeContainer(context, id),
  };
}

async function create(context: Context, request: CreateContainer): Promise<CreatedContainer> {
  const { id, spec } = request;
  const program = context.programs.get(request.runtimeName);
  const paths = context.layout.container(id);
  const record = toRecord(request, program);
  const args = monitorArgs(context, request, program);
  await using undo = new AsyncDisposableStack();
  // Last of all, when nothing of the attempt runs any more.
  undo.defer(takeBackNullDevice);
  makeFolder(paths.folder, id);
  undo.defer(() => removeContainer(context, id));
  faultPoint('runtime.create.folder');
  writeFileSync(paths.record, JSON.stringify(record), { mode: 0o600 });
  const prepared = context.seccomp.prepare(program, spec);
  writeFileSync(paths.config, formatSpec(prepared.spec), { mode: 0o600 });
  faultPoint('runtime.create.bundle');
  const monitor = withHardLimits(raisedLimits(spec), () =>
    spawnMonitor(context.reactor, { conmon: context.conmon, args, paths }),
  );
  undo.defer(() => monitor.kill());
  faultPoint('runtime.create.monitor');
  const message = await withDeadline(
    monitor.nextMessage(),
    context.deadlineMs,
    `creating the container with ${program.name}`,
  );
  if (!message || message.data <= 0)
    throw toRuntimeError({
      call: 'create',
      runtime: program.name,
      output: message?.message || monitor.earlyOutput(),
      program: spec.process.args[0] ?? '',
      cwd: spec.process.cwd,
    });
  takeBackNullDevice();
  faultPoint('runtime.create.created');
  prepared.verify(id);
  trackContainer(context, id, { pid: message.data, record, monitorGone: monitor.gone });
  undo.move();
  return { pid: message.data };
}

/** Runtimes set limits inside of the user namespace, where none can be raised: what runs them must have them. */
function raisedLimits({ linux, process }: RuntimeSpec): readonly HardLimit[] {
  return linux.namespaces.some(({ type }) => type === 'user') ? (process.rlimits ?? []) : [];
}

function makeFolder(folder: string, id: ContainerId): void {
  try {
    mkdirSync(folder, { mode: 0o700 });
  } catch (cause) {
    if (cause instanceof Error && 'code' in cause && cause.code === 'EEXIST')
      throw conflict(`container ${id} already exists in the runtime`, { cause });
    throw cause;
  }
}

function toRecord({ spec, terminal, stdin }: CreateContainer, program: RuntimeProgram): ContainerRecord {
  const cgroupsPath = spec.linux.cgroupsPath;
  if (!cgroupsPath?.startsWith('/')) throw invalid('the spec needs an absolute cgroupsPath');
  return { runtimeName: program.name, cgroupsPath, terminal, stdin };
}

function monitorArgs(context: Context, request: CreateContainer, program: RuntimeProgram): string[] {
  const { id, terminal, stdin, log } = request;
  const paths = context.layout.container(id);
  // conmon splits the option at every colon.
  if (log.driver !== 'none' && log.path.includes(':'))
    throw invalid(`the log path ${log.path} has a colon, which the container monitor cannot use`, {
      hint: 'choose a data root without colons',
    });
  return [
    ...commonArgs(program),
    `--cid=${id}`,
    `--cuuid=${id}`,
    `--name=${id}`,
    `--bundle=${paths.folder}`,
    `--container-pidfile=${paths.pidFile}`,
    `--exit-dir=${context.layout.exits}`,
    `--persist-dir=${paths.folder}`,
    `--log-path=${log.driver === 'none' ? 'none' : `k8s-file:${log.path}`}`,
    ...(log.maxSizeBytes ? [`--log-size-max=${log.maxSizeBytes}`] : []),
    ...(terminal ? ['--terminal'] : []),
    ...(stdin === 'none' ? [] : ['--stdin']),
    // A terminal outlives the clients that were attached to it.
    ...(stdin === 'open' || (stdin === 'once' && terminal) ? ['--leave-stdin-open'] : []),
  ];
}

/** `--sync` keeps conmon our direct child: its process id is known at once. It still survives us. */
export function commonArgs(program: RuntimeProgram): string[] {
  return [
    '--sync',
    '--api-version=1',
    '--full-attach',
    '--no-sync-log',
    `--runtime=${program.path}`,
    ...program.globalArgs.map((arg) => `--runtime-arg=${arg}`),
  ];
}

/** RLIM_INFINITY is 2^64-1, which JSON numbers of JavaScript round up by one. */
export function formatSpec(spec: RuntimeSpec | RuntimeSpec['process']): string {
  return JSON.stringify(spec).replace(/("(?:soft|hard)":)18446744073709552000\b/g, '$118446744073709551615');
}

/** Kind `not-found` when the runtime does not have it. */
export function getTracked(context: Context, id: ContainerId): TrackedContainer {
  const container = context.containers.get(id);
  if (!container) throw notFound(`container ${id} is not known to the runtime`);
  return container;
}

async function start(context: Context, id: ContainerId): Promise<void> {
  const container = getTracked(context, id);
  if (container.ended)
    throw conflict(`container ${id} ended before it was started`, { code: 'already-ended' });
  const program = context.programs.get(container.record.runtimeName);
  faultPoint('runtime.start.begin');
  if (program.isCrun) startByFifo(startFifo(program, id), id);
  else await runRuntime(program, { args: ['start', id], deadlineMs: context.deadlineMs });
  faultPoint('runtime.start.started');
}

/**
 * crun's parked process reads one byte from `exec.fifo` (libcrun status.c); for a spec without hooks, writing it is all that `crun start` does.
 * The byte first and the removal second: dying in between leaves a fifo that nobody reads, which the next start takes as "runs
 * already". The other way round would leave a parked container that nothing can start.
 */
function startByFifo(fifo: string, id: ContainerId): void {
  try {
    const fd = openSync(fifo, constants.O_WRONLY | constants.O_NONBLOCK);
    try {
      writeSync(fd, '0');
    } finally {
      closeSync(fd);
    }
  } catch (cause) {
    const code = cause instanceof Error && 'code' in cause ? cause.code : undefined;
    // No fifo or no reader: it was started by an earlier call.
    if (code !== 'ENOENT' && code !== 'ENXIO') throw internal(`cannot start container ${id}`, { cause });
  }
  rmSync(fifo, { force: true });
}

const SIGKILL = 9;
/** conmon reports an end within milliseconds. */
const reportMs = 5_000;

/** A monitor that was stopped, or hangs, does not say that the killed process has ended: then it is killed too, which says it. */
function endWithoutReport(context: Context, container: TrackedContainer): void {
  const { id, init } = container;
  watchPid(context.reactor, init.pid, () => {
    const timer = setTimeout(() => {
      context.log.warn('the monitor of a container did not report its end and is killed', { container: id });
      void findMonitor(context.layout.container(id)).then((monitor) => monitor && killMonitor(monitor));
    }, reportMs).unref();
    void container.exit.promise.then(() => clearTimeout(timer));
  });
}

async function kill(context: Context, id: ContainerId, signal: number, all: boolean): Promise<void> {
  const container = getTracked(context, id);
  if (container.ended) throw notFound(`container ${id} is not running`);
  if (all) {
    signalGroup(context, container.record.cgroupsPath, signal);
    return;
  }
  const { pidfd } = container.init;
  if (pidfd === undefined || !sendSignal(pidfd, signal)) throw notFound(`container ${id} is not running`);
  if (signal === SIGKILL) endWithoutReport(context, container);
}
