import type { ContainerId } from '../../../foundation/base/ids.ts';
import { toLogLimits } from '../../../resources/logs/log-config.ts';
import type { CreateContainer } from '../../../resources/runtime/runtime.ts';
import type { ContainerRecord } from '../container.ts';
import type { Context } from '../context.ts';
import { forwardLog, sendsAway } from './forward-log.ts';
import { isRunning } from '../state.ts';

/**
 * From before the monitor opens the log until the run is cleaned up: full files become segments, remote drivers are fed. Says what the monitor
 * is to write.
 */
export function keepLog(context: Context, record: ContainerRecord): CreateContainer['log'] {
  const { logPath: path, config } = record;
  if (config.log.driver === 'none') return { path, driver: 'none' };
  const limits = toLogLimits(config.log, { totalBytes: context.settings.logMaxBytes });
  releaseLog(context, record.id);
  const live = context.live.of(record.id);
  using undo = new DisposableStack();
  undo.use(
    context.logKeeper.keep(path, limits, () => {
      context.driver.streams.renewLog(record.id);
    }),
  );
  const released = Promise.withResolvers<void>();
  undo.defer(() => released.resolve());
  live.forwarding = forwardLog(context, record, { ended: released.promise, previous: live.forwarding });
  live.keptLog = undo.move();
  return { path, driver: 'k8s-file', maxSizeBytes: limits.monitorBytes };
}

/** After a restart of the engine: sends what a receiver that was away has not got of a run that has ended. */
export function forwardRest(context: Context, record: ContainerRecord): void {
  if (!sendsAway(record) || isRunning(record.state)) return;
  const live = context.live.of(record.id);
  live.forwarding ??= forwardLog(context, record, { ended: Promise.resolve(), previous: undefined });
}

/** The run has ended. What is still to be sent goes on being sent. */
export function releaseLog(context: Context, id: ContainerId): void {
  const live = context.live.of(id);
  live.keptLog?.[Symbol.dispose]();
  live.keptLog = undefined;
}

/** Nothing works on the log any more: its folder can be removed. */
export async function abandonLog(context: Context, { id, logPath }: ContainerRecord): Promise<void> {
  releaseLog(context, id);
  await context.live.of(id).forwarding?.stop();
  await context.logKeeper.release(logPath);
}
