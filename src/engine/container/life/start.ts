import { conflict, notModified, SiloError, toSiloError } from '../../../foundation/base/errors.ts';
import { faultPoint } from '../../../foundation/base/fault.ts';
import type { ContainerId } from '../../../foundation/base/ids.ts';
import { setOomScore } from '../../../foundation/kernel/process-limits.ts';
import { openRoot } from '../../../foundation/kernel/rooted.ts';
import { toSpec } from '../../../resources/spec/to-spec.ts';
import { handOverParked, releaseParked } from '../streams/attach.ts';
import { checkReceiver } from '../streams/forward-log.ts';
import { keepLog, releaseLog } from '../streams/keep-log.ts';
import type { ContainerRecord, StartOptions } from '../container.ts';
import { type Context, publish } from '../context.ts';
import { resolveDeviceRequests } from '../spec/device-requests.ts';
import { missingMountPoints } from '../mounts/mount-points.ts';
import { closeSources, openSources } from '../mounts/mount-sources.ts';
import { takeBackEtcFiles, writeEtcFiles } from '../network/etc-files.ts';
import { findLinked, linkLines, linkVariables, updateLinksTo } from '../network/link-containers.ts';
import { attachNetwork, reserveNetwork } from '../network/networking.ts';
import { hasTest } from '../health/health-check.ts';
import { startingHealth } from '../health/health-state.ts';
import { toSpecInput } from '../spec/spec-input.ts';
import { toResourceRequest } from '../spec/resource-request.ts';
import { delegateCgroup } from './delegate-cgroup.ts';
import { resolveSecurity } from '../spec/security.ts';
import { removeLocked } from './remove.ts';
import { mountRootfs, unmountRootfs } from '../mounts/rootfs.ts';
import { scheduleRestart } from './restart.ts';
import { shouldRestart } from './restart-policy.ts';
import { refuseSystemPlaces } from '../mounts/system-places.ts';
import { type ContainerState, isRunning, next } from '../state.ts';
import { chooseUserNamespace, recordOf, type UserNamespaceChoice } from '../userns/choose.ts';
import { openOwnerShift, type OwnerShift, reasonForHostIds } from '../userns/owner-shift.ts';
import { settleWaiters } from './wait.ts';
import { failureExitCode } from './start-failure.ts';
import { volumeNames } from '../mounts/volume-mounts.ts';
import { publishVolumeUse } from '../mounts/volume-events.ts';

/** Who wants a start: a person, the start of the engine by a restart policy, or the policy after an end. */
export type Starter = 'user' | 'engine' | 'policy';

/**
 * Starts a container that does not run; on failure everything of the attempt is undone and the reason kept in the record. An attempt of a restart policy
 * that fails (a port is taken, a disk not mounted yet) is made again after the back-off.
 */
export async function startContainer(
  context: Context,
  nameOrId: string,
  by: Starter,
  options: StartOptions = {},
): Promise<void> {
  const { id } = context.store.get(nameOrId);
  await context.locks.run(id, () => startLocked(context, id, by, options));
}

async function startLocked(
  context: Context,
  id: ContainerId,
  by: Starter,
  options: StartOptions,
): Promise<void> {
  const found = context.store.get(id);
  checkStartable(found, by);
  // A restart that the policy counts goes on counting; any other begins anew.
  const record = by === 'policy' ? found : { ...found, restartCount: 0 };
  if (by !== 'policy') context.live.of(id).restartDelayMs = 0;
  const starting = next(record.state, { type: 'start', atMs: context.now() });
  const live = context.live.of(id);
  live.ended = Promise.withResolvers<void>();
  live.wasHealthy = false;
  delete live.lastSignal;
  try {
    const started = await context.launches.run(() => launch(context, record, starting, options));
    publish(context, started, 'start');
    context.health.watch(id);
    await updateLinksTo(context, started).catch((error: unknown) =>
      context.log.warn(
        `links to container ${record.name} keep its old address: ${toSiloError(error).message}`,
      ),
    );
  } catch (thrown) {
    const error = toSiloError(thrown);
    const exitCode = failureExitCode(error);
    const willRetry = by !== 'user' && retries(record, exitCode);
    const state = next(starting, { type: 'start-failed', exitCode, atMs: context.now(), willRetry });
    const failed = keepFailure(context, record, {
      state,
      error: error.message,
      restartCount: record.restartCount + (willRetry ? 1 : 0),
    });
    live.ended.resolve();
    if (state.status === 'restarting') {
      context.log.warn(
        `container ${record.name} could not be restarted and is tried again: ${error.message}`,
      );
      return scheduleRestart(context, failed, 0, (again) => startContainer(context, again, 'policy'));
    }
    releaseParked(context, record);
    settleWaiters(context, failed, ['next-exit', 'not-running'], { exitCode, error: error.message });
    if (record.config.autoRemove) await removeLocked(context, failed, { volumes: true });
    throw thrown;
  }
}

/** What its policy would say of an end with this code; an unhealthy container is to begin anew whatever the policy. */
function retries({ config, restartCount }: ContainerRecord, exitCode: number): boolean {
  const restartsUnhealthy = config.health?.onFailure === 'restart';
  return shouldRestart(config.restart, { exitCode, restartCount, stoppedByUser: false, restartsUnhealthy });
}

function checkStartable({ state, name }: ContainerRecord, by: Starter): void {
  if (state.status === 'paused')
    throw conflict('cannot start a paused container, try unpause instead', { code: 'container-paused' });
  // Between two runs Docker counts it as running.
  if (isRunning(state) || (state.status === 'restarting' && by === 'user'))
    throw notModified(`container ${name} is already running`);
  // Its user was faster while the attempt waited for the lock.
  if (by === 'policy' && state.status !== 'restarting')
    throw notModified(`container ${name} is to be restarted no more`);
}

/** On a full disk too, those who wait for the start must hear of its failure. */
function keepFailure(
  context: Context,
  record: ContainerRecord,
  failure: Pick<ContainerRecord, 'state' | 'error' | 'restartCount'>,
): ContainerRecord {
  try {
    return context.store.update(record.id, failure);
  } catch (error) {
    context.log.error(`recording why container ${record.id} did not start: ${toSiloError(error).message}`);
    return { ...record, ...failure };
  }
}

/** A run that cannot have ids of its own, as is found out on the way, gets the host's. */
async function launch(
  context: Context,
  record: ContainerRecord,
  starting: ContainerState,
  options: StartOptions,
): Promise<ContainerRecord> {
  const choice = chooseUserNamespace(context, record);
  try {
    return await attempt(context, record, { starting, choice, options });
  } catch (error) {
    const reason = choice.kind === 'host' ? undefined : reasonForHostIds(error);
    if (reason === undefined) throw error;
    return await attempt(context, record, { starting, choice: { kind: 'host', reason }, options });
  }
}

/** From record to running process, and recorded so. What each step took is given back when a later one fails. */
async function attempt(
  context: Context,
  record: ContainerRecord,
  {
    starting,
    choice,
    options,
  }: { starting: ContainerState; choice: UserNamespaceChoice; options: StartOptions },
): Promise<ContainerRecord> {
  const { id } = record;
  const { env = [], onMountPoints } = options;
  await using undo = new AsyncDisposableStack();
  undo.defer(() => cleanUpRun(context, id));
  // The cleaning of an attempt before this one has resolved its own.
  context.live.of(id).unmounted = Promise.withResolvers<void>();
  await context.loopTurns.take();
  const devices = await resolveDeviceRequests(context.cdi, record.config);
  using shift = openShift(context, id, choice);
  faultPoint('container.start.ids');
  const rootfsPath = await mountRootfs(context, record, shift);
  faultPoint('container.start.mounted');
  const endpoints = await reserveNetwork(context, record);
  faultPoint('container.start.reserved');
  await context.volumeMounts.acquire(id, volumeNames(record));
  faultPoint('container.start.volumes');
  const sources = await openSources(context, record, shift);
  const linked = findLinked(context, record);
  const etcFiles = await writeEtcFiles(context, record, { endpoints, links: linkLines(linked), shift });
  await context.loopTurns.take();
  using root = openRoot(rootfsPath);
  if (record.config.workingDir) makeWorkingDirectory(root, record.config.workingDir, shift?.root);
  refuseSystemPlaces(root, record);
  if (onMountPoints) onMountPoints(missingMountPoints(root, record));
  const spec = toSpec(
    toSpecInput(context, record, {
      root,
      rootfsPath,
      etcFiles,
      devices,
      sources,
      links: linkVariables(record, linked),
      env,
      ...(shift
        ? {
            userNamespace: {
              mappings: shift.mappings,
              ...(choice.kind === 'joined' ? { pid: choice.pid } : {}),
            },
          }
        : {}),
    }),
  );
  const { config } = record;
  await checkReceiver(context, record);
  const log = keepLog(context, record);
  const { pid } = await context.driver.containers.create({
    id,
    spec,
    terminal: config.terminal,
    stdin: config.openStdin ? (config.stdinOnce ? 'once' : 'open') : 'none',
    log,
    runtimeName: record.runtimeName,
  });
  if (shift && spec.linux.cgroupsPath !== undefined && dividesCgroup(context, config))
    await delegateCgroup(spec.linux.cgroupsPath, shift.root, context.settings.host.cgroupVersion);
  const { oomScoreAdj = 0 } = toResourceRequest(config, context.settings.lowestOomScore);
  if (shift && oomScoreAdj < 0) setOomScore(pid, oomScoreAdj);
  await closeSources(context, id);
  faultPoint('container.start.created');
  await attachNetwork(context, record, endpoints, pid);
  faultPoint('container.start.networked');
  await handOverParked(context, record);
  publishVolumeUse(context, record, 'mount');
  const startedAtMs = context.now();
  await context.driver.containers.start(id);
  faultPoint('container.start.started');
  const state = next(starting, { type: 'started', pid, atMs: startedAtMs });
  const started = context.store.updateRunning(id, {
    state,
    error: '',
    userNamespace: recordOf(choice),
    ...beginningOf(record),
  });
  faultPoint('container.start.recorded');
  undo.move();
  return started;
}

/** The ids of this run, until its cleaning. */
function openShift(
  { idRanges }: Pick<Context, 'idRanges'>,
  id: ContainerId,
  choice: UserNamespaceChoice,
): OwnerShift | undefined {
  if (choice.kind === 'host') return undefined;
  if (choice.kind === 'joined') idRanges.hold(id, choice.mappings);
  return openOwnerShift(choice.kind === 'joined' ? choice.mappings : idRanges.allocate(id, choice.keep));
}

function dividesCgroup({ settings }: Context, { security }: ContainerRecord['config']): boolean {
  return resolveSecurity(security, settings.security).writableCgroups === true;
}

/** What else a run begins with. Without a check there is no health, and inspect shows none. */
export function beginningOf({
  config,
  health,
  restartCount,
}: ContainerRecord): Pick<
  ContainerRecord,
  'health' | 'restartCount' | 'stopRequested' | 'pendingLimits' | 'pendingPorts'
> {
  return {
    restartCount,
    stopRequested: false,
    pendingLimits: undefined,
    pendingPorts: undefined,
    ...(hasTest(config.health) ? { health: startingHealth(health) } : {}),
  };
}

/** Docker makes a missing working directory; one that is a file is refused in its words. */
function makeWorkingDirectory(
  root: ReturnType<typeof openRoot>,
  path: string,
  owner: { uid: number; gid: number } | undefined,
): void {
  try {
    root.mkdirAll(path, 0o755, owner);
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
  const contained = async (step: () => unknown): Promise<boolean> => {
    try {
      await step();
      return true;
    } catch (error) {
      context.log.warn(`cleaning up after container ${id}: ${toSiloError(error).message}`);
      return false;
    }
  };
  await context.loopTurns.take();
  await contained(() => releaseLog(context, id));
  // The mount first: its end is what others wait for, while nothing of the rest needs it.
  await contained(() => closeSources(context, id));
  await contained(() => unmountRootfs(context, id));
  context.live.of(id).unmounted.resolve();
  const [isDeleted] = await Promise.all([
    contained(() => context.driver.containers.delete(id)),
    contained(() => context.endpoints.release(id)),
  ]);
  await contained(() => context.volumeMounts.release(id));
  if (context.idRanges.of(id)) await contained(() => takeBackEtcFiles(context, id));
  // Processes that may still be there keep their ids to themselves.
  if (isDeleted) context.idRanges.release(id);
}
