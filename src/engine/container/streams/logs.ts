import { isKind, unsupported } from '../../../foundation/base/errors.ts';
import type { ContainerRecord, LogsRequest, OutputBatch } from '../container.ts';
import type { Context } from '../context.ts';
import { isRunning } from '../state.ts';

/** Reads a container's log; with `follow` until the present run has ended. Shared by `logs` and attach's replay. */
export function readLogs(
  context: Context,
  record: ContainerRecord,
  request: LogsRequest,
): AsyncIterable<OutputBatch> {
  if (record.config.log.driver === 'none')
    throw unsupported('configured logging driver does not support reading', { code: 'log-not-readable' });
  const { follow, ...rest } = request;
  const alive = isRunning(record.state);
  const ended = alive ? context.live.of(record.id).ended.promise : Promise.resolve();
  return emptyWhenMissing(
    context.logs.read(record.logPath, { ...rest, ...(follow ? { follow: { ended } } : {}) }),
  );
}

/** A container that never ran has no log file. */
async function* emptyWhenMissing(batches: AsyncIterable<OutputBatch>): AsyncIterable<OutputBatch> {
  try {
    yield* batches;
  } catch (error) {
    if (!isKind(error, 'not-found')) throw error;
  }
}
