import { faultPoint } from '../../../foundation/base/fault.ts';
import { toSiloError } from '../../../foundation/base/errors.ts';
import type { ContainerId } from '../../../foundation/base/ids.ts';
import type { ExitInfo, RuntimeExit } from '../../../resources/runtime/runtime.ts';
import type { ContainerRecord } from '../container.ts';
import { type Context, publish } from '../context.ts';
import { endExec, endExecsOf } from '../process/exec.ts';
import { publishDisconnects } from '../network/networking.ts';
import { removeLocked } from './remove.ts';
import { scheduleRestart } from './restart.ts';
import { shouldRestart } from './restart-policy.ts';
import { cleanUpRun, startContainer } from './start.ts';
import { isRunning, next } from '../state.ts';
import { publishVolumeUse } from '../mounts/volume-events.ts';
import { settleWaiters } from './wait.ts';

const retryMs = 1_000;
/** For the record of an end, before the cleaning begins beside it. */
const diskPatienceMs = 3;

/** Called for every end that the runtime reports. */
export function handleExit(context: Context, exit: RuntimeExit): void {
  if (exit.execId !== undefined) return endExec(context, exit.execId, exit);
  recordUntilDone(context, exit, undefined);
}

/** `run` is when the run began that has ended: it may have begun anew before an attempt is made again. */
function recordUntilDone(context: Context, exit: RuntimeExit, run: number | undefined): void {
  const { id } = exit;
  let concerned = run;
  const recorded = context.locks.run(id, () =>
    context.commits.run(async () => {
      await context.loopTurns.take();
      const present = beginningOfRun(context, id);
      concerned ??= present;
      if (present === concerned) await recordExit(context, id, exit);
    }),
  );
  recorded.catch((error: unknown) => {
    context.log.error(`recording the end of container ${id}: ${toSiloError(error).message}`);
    // The disk may be full: nobody will tell of this end again. One that was recorded is not recorded twice.
    context.live.of(id).exitTimer = setTimeout(() => recordUntilDone(context, exit, concerned), retryMs);
  });
}

function beginningOfRun(context: Context, id: ContainerId): number | undefined {
  const state = context.store.find(id)?.state;
  return state && 'startedAtMs' in state ? state.startedAtMs : undefined;
}

/**
 * The end of a run: first the record, the `die` event and everybody who waits, then (on a slow disk meanwhile) the cleaning, then restart or removal.
 * Waiters need not wait for the cleaning: whatever they ask next queues behind it on the container's lock.
 */
export async function recordExit(context: Context, id: ContainerId, exit: ExitInfo): Promise<void> {
  const record = context.store.find(id);
  if (!record) return;
  if (!isRunning(record.state)) {
    // An earlier attempt recorded the end, and what follows from it failed.
    if (record.state.status === 'exited') await removeByItself(context, record);
    if (record.state.status === 'restarting' && context.live.of(id).restartTimer === undefined)
      restartAfter(context, record, exit.finishedAtMs - (record.state.startedAtMs ?? exit.finishedAtMs));
    return;
  }
  context.health.unwatch(id);
  const { startedAtMs } = record.state;
  const ended = storeExit(context, record, exit);
  const willRestart = ended.state.status === 'restarting';
  // One that starts anew or goes with its end does so as well when a power cut takes the record of the end: that need not be waited for.
  const isPassing = ended.config.autoRemove || context.live.of(id).isPassing === true;
  const kept = willRestart || isPassing ? Promise.resolve() : onDisk(context, id);
  const told = kept.then(() => tell(context, ended, { exit, startedAtMs }));
  // It is awaited behind the disk.
  told.catch(() => undefined);
  await patiently(kept);
  await Promise.all([told, cleanUpRun(context, id)]);
  publishDisconnects(context, ended);
  publishVolumeUse(context, ended, 'unmount');
  faultPoint('container.exit.cleaned');
  const ranForMs = exit.finishedAtMs - startedAtMs;
  if (willRestart) restartAfter(context, ended, backOffBasisMs(context, record, ranForMs));
  else await removeByItself(context, ended);
}

function restartAfter(context: Context, ended: ContainerRecord, ranForMs: number): void {
  scheduleRestart(context, ended, ranForMs, (again) => startContainer(context, again, 'policy'));
}

/** Everybody who waits hears of the end. */
function tell(
  context: Context,
  ended: ContainerRecord,
  { exit, startedAtMs }: { exit: ExitInfo; startedAtMs: number },
): void {
  const { id } = ended;
  faultPoint('container.exit.recorded');
  publishEnd(context, ended, { ...exit, startedAtMs });
  endExecsOf(context, id);
  const willRestart = ended.state.status === 'restarting';
  settleWaiters(context, ended, willRestart ? ['next-exit'] : ['next-exit', 'not-running'], {
    exitCode: exit.exitCode,
  });
  context.live.of(id).ended.resolve();
}

/** The events of an end. */
export function publishEnd(
  context: Context,
  ended: ContainerRecord,
  { exitCode, oomKilled, finishedAtMs, startedAtMs }: ExitInfo & { startedAtMs: number },
): void {
  if (oomKilled) publish(context, ended, 'oom');
  publish(context, ended, 'die', {
    exitCode: String(exitCode),
    execDuration: String(Math.max(0, Math.round((finishedAtMs - startedAtMs) / 1000))),
  });
}

/** The cleaning is milliseconds of work, and who waits comes first; on a disk that takes longer it need not wait as well. */
async function patiently(kept: Promise<void>): Promise<void> {
  let timer: ReturnType<typeof setTimeout> | undefined;
  const late = new Promise<void>((resolve) => {
    timer = setTimeout(resolve, diskPatienceMs);
  });
  await Promise.race([kept, late]);
  clearTimeout(timer);
}

/** `--rm`. */
async function removeByItself(context: Context, record: ContainerRecord): Promise<void> {
  if (record.config.autoRemove && context.live.of(record.id).restartsUnderWay === 0)
    await removeLocked(context, record, { volumes: true });
}

/** An end is a fact, whatever becomes of its record: on a disk that fails those who wait are told all the same. */
async function onDisk(context: Context, id: ContainerId): Promise<void> {
  try {
    await context.store.durable();
  } catch (error) {
    context.log.error(
      `the record of the end of container ${id} may not survive a power cut: ${toSiloError(error).message}`,
    );
  }
}

function storeExit(context: Context, record: ContainerRecord, exit: ExitInfo): ContainerRecord {
  const { exitCode, oomKilled, finishedAtMs } = exit;
  const { restartCount, health } = record;
  const { lastSignal } = context.live.of(record.id);
  const stoppedByUser = record.stopRequested === true || exitCode === 128 + (lastSignal ?? Number.NaN);
  const restartsUnhealthy = isUnhealthyRestart(record);
  const willRestart = shouldRestart(record.config.restart, {
    exitCode,
    restartCount,
    stoppedByUser,
    restartsUnhealthy,
  });
  const state = next(record.state, {
    type: 'exited',
    exitCode,
    oomKilled,
    atMs: finishedAtMs,
    willRestart,
    stoppedByUser,
  });
  return context.store.updateRunning(record.id, {
    state,
    restartCount: willRestart ? restartCount + 1 : restartCount,
    ...(health ? { health: { ...health, status: 'unhealthy' } } : {}),
  });
}

function isUnhealthyRestart({ health, config }: ContainerRecord): boolean {
  return health?.status === 'unhealthy' && config.health?.onFailure === 'restart';
}

/** An unhealthy run may have lasted long before it was found to be: only one that was healthy once resets the back-off. */
function backOffBasisMs(context: Context, record: ContainerRecord, ranForMs: number): number {
  if (!isUnhealthyRestart(record)) return ranForMs;
  return context.live.of(record.id).wasHealthy ? Number.POSITIVE_INFINITY : 0;
}
