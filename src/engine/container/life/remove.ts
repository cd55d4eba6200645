import { join } from 'node:path';
import { conflict, isKind, toSiloError } from '../../../foundation/base/errors.ts';
import { faultPoint } from '../../../foundation/base/fault.ts';
import type { ContainerId } from '../../../foundation/base/ids.ts';
import { removeFolder } from '../../../foundation/base/remove-folder.ts';
import { removeDoomed, volumesLeaving } from '../mounts/anonymous-volumes.ts';
import { releaseParked } from '../streams/attach.ts';
import type { ContainerLifecycle, ContainerRecord } from '../container.ts';
import { type Context, publish } from '../context.ts';
import { abandonLog } from '../streams/keep-log.ts';
import { cancelRestart } from './restart.ts';
import { isRunning, next } from '../state.ts';
import { killAndWait, rememberStop } from './stop.ts';
import { exitCodeOf, settleWaiters } from './wait.ts';

export const createRemove =
  (context: Context): ContainerLifecycle['remove'] =>
  async (nameOrId, options) => {
    const { id } = context.store.get(nameOrId);
    if (!options.force)
      return context.locks.run(id, () =>
        context.commits.run(() => removeLocked(context, context.store.get(id), options)),
      );
    for (let isRemoved = false; !isRemoved;) {
      const record = context.store.find(id);
      if (record) await end(context, record);
      isRemoved = await context.locks.run(id, async () => {
        const current = context.store.find(id);
        // Whoever held the lock was starting it.
        if (current && isRunning(current.state)) return false;
        // `--rm` may have been faster.
        if (current) await context.commits.run(() => removeLocked(context, current, options));
        return true;
      });
    }
  };

async function end(context: Context, found: ContainerRecord): Promise<void> {
  await cancelRestart(context, found.id);
  const record = context.store.find(found.id);
  if (!record || !isRunning(record.state)) return;
  rememberStop(context, record);
  try {
    await killAndWait(context, record);
  } catch (error) {
    if (!isKind(error, 'not-found')) throw error;
  }
}

/** The row goes first: without it the container does not exist, and files that a crash leaves are swept at the next start. */
export async function removeLocked(
  context: Context,
  record: ContainerRecord,
  options: { volumes: boolean },
): Promise<void> {
  await context.loopTurns.take();
  const current = context.store.get(record.id);
  refuseWhileAlive(current);
  next(current.state, { type: 'remove' });
  clearTimeout(context.live.of(record.id).restartTimer);
  faultPoint('container.remove.begun');
  const doomedVolumes = options.volumes ? volumesLeaving(context, current) : [];
  context.store.remove(record.id, { doomedVolumes });
  try {
    // No file goes before the row has gone for good.
    await context.store.durable();
    faultPoint('container.remove.unrecorded');
    await removeFiles(context, record, doomedVolumes);
  } finally {
    // It is gone for everybody, whatever stays on the disk.
    publish(context, record, 'destroy');
    settleWaiters(context, record, ['removed', 'not-running', 'next-exit'], {
      exitCode: exitCodeOf(current),
    });
    releaseParked(context, record);
    context.live.forget(record.id);
  }
}

/** What cannot be removed is swept at the next start of the engine; it keeps nobody waiting until then. */
async function removeFiles(
  context: Context,
  record: ContainerRecord,
  doomedVolumes: readonly string[],
): Promise<void> {
  const { id } = record;
  const contained = async (what: string, step: () => Promise<unknown>): Promise<void> => {
    try {
      await step();
    } catch (error) {
      context.log.warn(`${what} of container ${id} stays: ${toSiloError(error).message}`);
    }
  };
  await releaseIds(context, id);
  await contained('a copy of files', () => context.transfers.end(id));
  const layer = contained('the writable layer', () => context.snapshots.remove(id));
  await contained('the log', () => abandonLog(context, record));
  await contained('the folder', () => removeFolder(join(context.settings.containersDirectory, id)));
  await layer;
  faultPoint('container.remove.snapshot');
  for (const name of doomedVolumes) await contained(`volume ${name}`, () => removeDoomed(context, name));
}

/** Held still when the last run could not be cleaned up. What cannot be ended keeps them until the engine starts anew. */
async function releaseIds(context: Context, id: ContainerId): Promise<void> {
  if (!context.idRanges.of(id)) return;
  try {
    await context.driver.containers.delete(id);
    context.idRanges.release(id);
  } catch (error) {
    context.log.warn(`container ${id} keeps its ids: ${toSiloError(error).message}`);
  }
}

function refuseWhileAlive({ state, name }: ContainerRecord): void {
  const alive: Partial<Record<typeof state.status, string>> = {
    running: 'container is running: stop the container before removing or force remove',
    paused: 'container is paused and must be unpaused first',
    restarting: 'container is restarting: stop the container before removing or force remove',
  };
  const why = alive[state.status];
  if (why) throw conflict(`cannot remove container "/${name}": ${why}`, { code: 'container-alive' });
}
