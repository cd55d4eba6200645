import type { ContainerId } from '../../foundation/base/ids.ts';
import { toLogLimits } from '../../resources/logs/log-config.ts';
import type { CreateContainer } from '../../resources/runtime/runtime.ts';
import type { ContainerRecord } from './container.ts';
import type { Context } from './context.ts';

/** From before the monitor opens the log until the run is cleaned up: full files become segments. Says what the monitor is to write. */
export function keepLog(context: Context, record: ContainerRecord): CreateContainer['log'] {
  const { logPath: path, config } = record;
  if (config.log.driver === 'none') return { path, driver: 'none' };
  const limits = toLogLimits(config.log, { totalBytes: context.settings.logMaxBytes });
  releaseLog(context, record.id);
  context.live.of(record.id).keptLog = context.logKeeper.keep(path, limits, () => {
    context.driver.streams.renewLog(record.id);
  });
  return { path, driver: 'k8s-file', maxSizeBytes: limits.monitorBytes };
}

export function releaseLog(context: Context, id: ContainerId): void {
  const live = context.live.of(id);
  live.keptLog?.[Symbol.dispose]();
  live.keptLog = undefined;
}
