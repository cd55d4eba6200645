import { readFileSync } from 'node:fs';
import { readdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { isKind, toSiloError } from '../../../foundation/base/errors.ts';
import { type ContainerId, parseContainerId } from '../../../foundation/base/ids.ts';
import { parseMappings } from '../../../foundation/kernel/id-mapping.ts';
import { createLimiter } from '../../../foundation/base/limiter.ts';
import type { RecoveredContainer } from '../../../resources/runtime/runtime.ts';
import { keepLog } from '../streams/keep-log.ts';
import type { ContainerRecord } from '../container.ts';
import { type Context, publish } from '../context.ts';
import { sweepDoomedVolumes } from '../mounts/anonymous-volumes.ts';
import { reconcilePlaces } from '../network/connect.ts';
import { closeSources } from '../mounts/mount-sources.ts';
import { volumeNames } from '../mounts/volume-mounts.ts';
import { publishEnd, recordExit } from './exit.ts';
import { thawAfterCommits } from '../files/freeze.ts';
import { scheduleRestart } from './restart.ts';
import { removeLocked } from './remove.ts';
import { startsWithEngine } from './restart-policy.ts';
import { unmountRootfs } from '../mounts/rootfs.ts';
import { beginningOf, cleanUpRun, startContainer } from './start.ts';
import { isRunning, next } from '../state.ts';
import { finishUpdate } from '../update/update.ts';
import { recordOfFound } from '../userns/choose.ts';

type Status = RecoveredContainer['status'];
type EndedRun = Extract<Status, { status: 'ended' }>;
/** Docker's code for a container whose end nobody saw. */
const lostExitCode = 255;
/** Containers that a start of the engine starts at the same time. */
const startsAtOnce = 8;

/**
 * Makes records and reality agree after a start of the engine, however the last one ended. What runs is adopted; an end that nobody recorded is recorded
 * now, with its exit code; what was half-made is undone; folders and mounts without a record are swept.
 */
export async function recoverContainers(context: Context): Promise<void> {
  const found = new Map((await context.driver.containers.recover()).map(({ id, status }) => [id, status]));
  const running = new Map(
    [...found].flatMap(([id, status]) => (status.status === 'running' ? [[id, status.pid] as const] : [])),
  );
  for (const id of running.keys()) {
    const record = context.store.find(id);
    if (!record) continue;
    relearnIds(context, id, running.get(id));
    adopt(context, record, found.get(id));
    keepLogAgain(context, record);
  }
  await thawAfterCommits(context);
  await context.endpoints.recover(running);
  await Promise.all(
    [...running.keys()].map(async (id) => {
      const record = context.store.find(id);
      if (record) await contained(context, id, () => reconcilePlaces(context, record));
    }),
  );
  await Promise.all(
    [...running.keys()].map(async (id) => {
      const record = context.store.find(id);
      if (record?.pendingLimits ?? record?.pendingPorts)
        await contained(context, id, () => finishUpdate(context, record));
    }),
  );
  const concerned = new Set([...context.store.active().map(({ id }) => id), ...found.keys()]);
  await Promise.all(
    [...concerned].map(async (id) => {
      const record = context.store.find(id);
      if (!record || running.has(id)) return;
      await contained(context, id, () => settleStopped(context, record, found.get(id)));
    }),
  );
  const unknown = [...found.keys()].filter((id) => !context.store.has(id));
  await Promise.all(unknown.map((id) => contained(context, id, () => cleanUpRun(context, id))));
  await sweep(context, running);
}

/** Starts what restart policies want, in the background: the engine answers meanwhile. Oldest first, as others may need them. */
export function startByPolicy(context: Context): void {
  const starts = createLimiter(startsAtOnce);
  for (const record of context.store.active().toReversed()) {
    const { state, config, restartCount } = record;
    if (state.status === 'restarting')
      scheduleRestart(context, record, 0, (id) => startContainer(context, id, 'policy'));
    else if (state.status === 'exited' && startsWithEngine(config.restart, { ...state, restartCount }))
      starts
        .run(() => startContainer(context, record.id, 'engine'))
        .catch((error: unknown) => {
          // A client was faster.
          if (isKind(error, 'not-modified') || isKind(error, 'not-found')) return;
          context.log.warn(`restart policy of container ${record.name}: ${toSiloError(error).message}`);
        });
  }
}

/** One container's trouble must not keep the engine from starting. */
async function contained(context: Context, id: ContainerId, work: () => Promise<void>): Promise<void> {
  try {
    await context.locks.run(id, work);
  } catch (error) {
    context.log.error(`recovering container ${id}: ${toSiloError(error).message}`);
  }
}

/** Its first process tells which ids it has. */
function relearnIds({ idRanges, log }: Context, id: ContainerId, pid: number | undefined): void {
  try {
    const [users, groups] = ['uid_map', 'gid_map'].map((name) =>
      parseMappings(readFileSync(`/proc/${pid}/${name}`, 'utf8')),
    );
    const isHost = users?.every(({ insideId, outsideId }) => insideId === outsideId) ?? true;
    if (users && groups && !isHost) idRanges.hold(id, { users, groups });
  } catch (error) {
    log.debug(`the ids of container ${id} cannot be read: ${toSiloError(error).message}`);
  }
}

/** A log whose folder is damaged must not keep the engine from starting. */
function keepLogAgain(context: Context, record: ContainerRecord): void {
  try {
    keepLog(context, record);
  } catch (error) {
    context.log.warn(`keeping the log of container ${record.name}: ${toSiloError(error).message}`);
  }
}

function adopt(context: Context, record: ContainerRecord, status: Status | undefined): void {
  if (status?.status !== 'running') return;
  context.live.of(record.id).unmounted = Promise.withResolvers<void>();
  if (isRunning(record.state)) {
    tellWhetherFrozen(context, record);
    return context.health.watch(record.id, { recovered: true });
  }
  // The engine died between the start and its record.
  const started = context.store.update(record.id, {
    state: { status: 'running', pid: status.pid, startedAtMs: context.now() },
    error: '',
    userNamespace: recordOfFound(context, record),
    ...beginningOf(record),
  });
  publish(context, started, 'start');
  context.health.watch(record.id);
}

/** The engine died between a pause, or the end of one, and its record. */
function tellWhetherFrozen(context: Context, { id, state }: ContainerRecord): void {
  const isFrozen = context.driver.freezer?.isFrozen(id);
  if (state.status === 'running' && isFrozen === true)
    context.store.updateRunning(id, { state: next(state, { type: 'paused' }) });
  if (state.status === 'paused' && isFrozen === false)
    context.store.updateRunning(id, { state: next(state, { type: 'resumed' }) });
}

async function settleStopped(
  context: Context,
  record: ContainerRecord,
  status: Status | undefined,
): Promise<void> {
  if (isRunning(record.state)) {
    const lost = { exitCode: lostExitCode, oomKilled: false, finishedAtMs: context.now() };
    await recordExit(context, record.id, status?.status === 'ended' ? status.exit : lost);
    return;
  }
  if (status?.status === 'ended' && !isRecorded(record, status)) {
    // It was started and ended while nobody recorded either.
    const { finishedAtMs } = status.exit;
    context.store.update(record.id, {
      state: { status: 'running', pid: 0, startedAtMs: finishedAtMs },
      error: '',
      stopRequested: false,
      // Nobody is left to tell.
      userNamespace: undefined,
    });
    await recordExit(context, record.id, status.exit);
    return;
  }
  if (status?.status === 'ended') await tellOnce(context, record);
  if (status) await cleanUpRun(context, record.id);
  if (record.config.autoRemove && hasEnded(record)) await removeLocked(context, record, { volumes: true });
}

/** Of a run that was being made before the recorded end that end is the end: the engine died before the cleaning was done. */
function isRecorded({ state }: ContainerRecord, { begunAtMs }: EndedRun): boolean {
  return 'finishedAtMs' in state && begunAtMs <= state.finishedAtMs;
}

/** The events of a recorded end, unless the last engine told them. */
async function tellOnce(context: Context, record: ContainerRecord): Promise<void> {
  const { id, state } = record;
  if (!('finishedAtMs' in state)) return;
  await context.events.recall();
  const last = context.events
    .history({ sinceNs: 0n })
    .findLast((event) => event.id === id && (event.action === 'start' || event.action === 'die'));
  if (last?.action !== 'die')
    publishEnd(context, record, { ...state, startedAtMs: state.startedAtMs ?? state.finishedAtMs });
}

/** The engine died between an end, or a start that failed, and the removal that `--rm` wants. */
function hasEnded({ state }: ContainerRecord): boolean {
  return state.status === 'exited' || (state.status === 'created' && state.exitCode !== undefined);
}

/** Folders and mounts that belong to no container, or to one that does not run. */
async function sweep(context: Context, running: ReadonlyMap<ContainerId, unknown>): Promise<void> {
  const { containersDirectory, rootfsDirectory, mountsDirectory } = context.settings;
  const [roots, mounts, folders, snapshots] = await Promise.all([
    idsIn(rootfsDirectory),
    idsIn(mountsDirectory),
    idsIn(containersDirectory),
    context.snapshots.list(),
  ]);
  for (const id of roots)
    if (!running.has(id) && !startedMeanwhile(context, id)) await unmountRootfs(context, id);
  for (const id of mounts)
    if (running.has(id) || !startedMeanwhile(context, id)) await closeSources(context, id);
  for (const id of folders)
    if (!context.store.has(id)) await rm(join(containersDirectory, id), { recursive: true, force: true });
  for (const id of snapshots) if (!context.store.has(id)) await context.snapshots.remove(id);
  await context.volumeMounts.recover(
    context.store
      .active()
      .flatMap((record) => (running.has(record.id) ? [[record.id, volumeNames(record)] as const] : [])),
  );
  await sweepDoomedVolumes(context);
}

function startedMeanwhile(context: Context, id: ContainerId): boolean {
  const record = context.store.find(id);
  return record !== undefined && (isRunning(record.state) || context.locks.isHeld(id));
}

async function idsIn(directory: string): Promise<ContainerId[]> {
  const names = await readdir(directory).catch(() => []);
  return names.filter((name) => /^[0-9a-f]{64}$/.test(name)).map(parseContainerId);
}
