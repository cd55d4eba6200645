import { isKind, toSiloError } from '../../../foundation/base/errors.ts';
import type { ContainerId } from '../../../foundation/base/ids.ts';
import type { Context } from '../context.ts';
import type { HealthFailureAction } from './health.ts';

export type FailureActions = Record<Exclude<HealthFailureAction, 'none'>, (id: ContainerId) => Promise<void>>;

/**
 * What follows from becoming unhealthy, in the background and once at a time. The end that it brings about is judged in `restart-policy.ts`: after
 * `restart` an unhealthy container begins anew whatever its policy, after `kill` the policy decides, after `stop` it stays stopped.
 */
export function createOnUnhealthy(context: Context, actions: FailureActions): (id: ContainerId) => void {
  const underWay = new Set<ContainerId>();
  return (id) => {
    const record = context.store.find(id);
    const action = record?.config.health?.onFailure ?? 'none';
    if (!record || action === 'none' || underWay.has(id)) return;
    underWay.add(id);
    context.log.info(`container ${record.name} is unhealthy: ${action}`);
    actions[action](id)
      .catch((error: unknown) => {
        if (isKind(error, 'not-modified') || isKind(error, 'not-found')) return;
        context.log.warn(`${action} of unhealthy container ${record.name}: ${toSiloError(error).message}`);
      })
      .finally(() => underWay.delete(id));
  };
}
