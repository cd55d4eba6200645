import { conflict, unsupported } from '../../../foundation/base/errors.ts';
import { faultPoint } from '../../../foundation/base/fault.ts';
import type { SpecResources } from '../../../foundation/oci/runtime-spec.ts';
import { toResources } from '../../../resources/spec/resources.ts';
import { changePublished } from './change-ports.ts';
import { changeResources } from './change-resources.ts';
import type { ContainerConfig, Resources } from '../config.ts';
import type { ContainerLifecycle, ContainerRecord, PublishChange } from '../container.ts';
import { type Context, publish } from '../context.ts';
import { memoryWarnings } from '../create/limits.ts';
import { toPortRequests } from '../network/networking.ts';
import { prefixed } from '../prefixed.ts';
import { toResourceRequest } from '../spec/resource-request.ts';
import { isRunning } from '../state.ts';

type Changes = Parameters<ContainerLifecycle['update']>[1];

/**
 * All or nothing, also when the engine dies meanwhile: the record tells what the next start takes, the control group of one that runs has it at once. A restart that is under way goes on; the
 * next end is judged by the changed policy, as in Docker.
 */
export const createUpdate =
  (context: Context): ContainerLifecycle['update'] =>
  async (nameOrId, changes) => {
    const { id } = context.store.get(nameOrId);
    await context.locks.run(id, async () => {
      const record = context.store.get(id);
      try {
        await updateLocked(context, record, changes);
      } catch (error) {
        throw prefixed(`Cannot update container ${id}`, error);
      }
      publish(context, context.store.get(id), 'update');
    });
    return { warnings: memoryWarnings(changes.resources ?? {}, context.settings) };
  };

async function updateLocked(
  context: Context,
  record: ContainerRecord,
  { resources: change, restart, publish: ports }: Changes,
): Promise<void> {
  if (record.state.status === 'removing')
    throw conflict('container is marked for removal and cannot be "update"', { code: 'removing' });
  const before = record.config;
  if (restart && before.autoRemove && restart.name !== '' && restart.name !== 'no')
    throw conflict('Restart policy cannot be updated because AutoRemove is enabled for the container', {
      code: 'auto-remove',
    });
  const after: ContainerConfig = {
    ...(ports ? changePublished(before, ports) : before),
    ...(restart ? { restart } : {}),
    ...(change ? { resources: changeResources(before.resources, change, context.settings.host) } : {}),
  };
  const isLive = (change !== undefined || ports !== undefined) && isRunning(record.state);
  const pending = { ...(change ? { pendingLimits: change } : {}), ...(ports ? { pendingPorts: ports } : {}) };
  context.store.update(record.id, { config: after, ...(isLive ? pending : {}) });
  faultPoint('container.update.recorded');
  if (!isLive) return;
  try {
    if (change) await applyLive(context, record, after, change);
    try {
      if (ports) await publishPorts(context, record, ports);
    } catch (error) {
      if (change) await applyLive(context, record, before, change);
      throw error;
    }
  } catch (error) {
    context.store.update(record.id, { config: before, ...nothingPending });
    throw error;
  }
  faultPoint('container.update.applied');
  context.store.updateRunning(record.id, nothingPending);
}

/** Applies what the death of an engine left recorded and not, or not wholly, applied. */
export async function finishUpdate(context: Context, record: ContainerRecord): Promise<void> {
  const { pendingLimits, pendingPorts, config } = record;
  if (pendingLimits) await applyLive(context, record, config, pendingLimits);
  if (pendingPorts) await publishPorts(context, record, pendingPorts);
  if (pendingLimits || pendingPorts) context.store.updateRunning(record.id, nothingPending);
}

const nothingPending = { pendingLimits: undefined, pendingPorts: undefined };

function publishPorts(context: Context, { id }: ContainerRecord, change: PublishChange): Promise<void> {
  return context.endpoints.publish(id, {
    add: toPortRequests(change.add),
    remove: toPortRequests(change.remove),
  });
}

async function applyLive(
  context: Context,
  record: ContainerRecord,
  config: ContainerConfig,
  change: Resources,
): Promise<void> {
  const { limits } = context.driver;
  if (!limits)
    throw unsupported(`the runtime ${context.driver.name} cannot change limits of a running container`);
  const request = toResourceRequest(config, context.settings.lowestOomScore);
  await limits.set(record.id, concerned(toResources(request, context.settings.host), config, change));
}

/** Only the kinds of limits that the update names. */
function concerned(all: SpecResources, { resources }: ContainerConfig, change: Resources): SpecResources {
  const names = (beginning: string): boolean =>
    Object.keys(change).some((field) => field.toLowerCase().startsWith(beginning));
  const hasCpu = names('cpu') || names('nanocpus');
  return {
    ...(all.memory && (names('memory') || names('oomkill')) ? { memory: all.memory } : {}),
    ...(all.cpu && hasCpu ? { cpu: all.cpu } : {}),
    ...(change.pidsLimit === undefined ? {} : { pids: { limit: resources.pidsLimit || -1 } }),
    ...(all.blockIO && names('blkio') ? { blockIO: all.blockIO } : {}),
  };
}
