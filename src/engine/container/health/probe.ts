import { toSiloError } from '../../../foundation/base/errors.ts';
import type { ContainerId, ExecId } from '../../../foundation/base/ids.ts';
import type { Limiter } from '../../../foundation/base/limiter.ts';
import type { ContainerExecs } from '../container.ts';
import type { Context } from '../context.ts';
import type { HealthResult } from './health.ts';
import { createOutputHead } from './output-head.ts';

const maximumOutputBytes = 4096;
/** A start that takes longer gives its place to the next: a wedged container must not hold up the checks of others. */
const launchPlaceMs = 2_000;
/** How long a killed check may take to be gone before its result is told anyway. */
const killPatienceMs = 5_000;

export interface ProbeRequest {
  id: ContainerId;
  args: string[];
  timeoutMs: number;
  /** Ends the check: its container ended or is paused. */
  signal: AbortSignal;
}

export interface ProbeOutcome {
  result: HealthResult;
  /** Of a check that was killed and is still there: resolves when it has gone. */
  lingers?: Promise<void>;
}

/** Runs one check; never fails. Its time begins when the process runs, as in Docker: the engine's own work does not count. */
export async function runProbe(
  context: Context,
  { execs, launches }: { execs: ContainerExecs; launches: Limiter },
  request: ProbeRequest,
): Promise<ProbeOutcome> {
  const startedAtMs = context.now();
  const output = createOutputHead(maximumOutputBytes);
  const result = (exitCode: number, text: string): HealthResult => ({
    startedAtMs,
    endedAtMs: context.now(),
    exitCode,
    output: text,
  });
  let execId: ExecId | undefined;
  try {
    const started = Promise.withResolvers<void>();
    const start = { detach: false as const, output, signal: request.signal, onReady: started.resolve };
    const ended = Promise.withResolvers<'ended'>();
    ended.promise.catch(() => undefined);
    const running = Promise.race([started.promise, ended.promise]);
    // Made when it can start: one that waits for its turn would be forgotten in a crowd.
    const exec = await launches.run(async () => {
      request.signal.throwIfAborted();
      const made = (execId = await execs.create(request.id, { ...plainExec, args: request.args }));
      execs.start(made, start).then(() => ended.resolve('ended'), ended.reject);
      await within(running, launchPlaceMs);
      return made;
    });
    await running;
    if ((await within(ended.promise, request.timeoutMs)) === 'late') {
      await kill(context, request.id, exec);
      const gone = ended.promise.then(
        () => undefined,
        () => undefined,
      );
      const isThere = (await within(gone, killPatienceMs)) === 'late';
      const said = output.text();
      const what = `Health check exceeded timeout (${formatMs(request.timeoutMs)})`;
      const told = result(-1, said === '' ? what : `${what}: ${said}`);
      return { result: told, ...(isThere ? { lingers: gone } : {}) };
    }
    const { exitCode } = execs.inspect(exec);
    if (exitCode === undefined) await kill(context, request.id, exec);
    return { result: result(exitCode ?? -1, output.text()) };
  } catch (error) {
    return { result: result(-1, toSiloError(error).message.slice(0, maximumOutputBytes)) };
  } finally {
    // Checks must not crowd out the results of people's own processes.
    if (execId && context.execs.get(execId)?.info.running !== true) context.execs.delete(execId);
  }
}

const plainExec = {
  env: [],
  terminal: false,
  stdin: false,
  stdout: true,
  stderr: true,
  privileged: false,
};

async function within<T>(work: Promise<T>, timeoutMs: number): Promise<T | 'late'> {
  let timer: ReturnType<typeof setTimeout> | undefined;
  const late = new Promise<'late'>((resolve) => {
    timer = setTimeout(() => resolve('late'), timeoutMs);
  });
  try {
    return await Promise.race([work, late]);
  } finally {
    clearTimeout(timer);
  }
}

async function kill(context: Context, id: ContainerId, execId: ExecId): Promise<void> {
  try {
    await context.driver.execs.killExec(id, execId);
  } catch (error) {
    context.log.warn(`ending a health check of container ${id}: ${toSiloError(error).message}`);
  }
}

/** As Go prints a duration, for the usual ones. */
function formatMs(ms: number): string {
  if (ms < 1000) return `${ms}ms`;
  const seconds = ms / 1000;
  const minutes = Math.floor(seconds / 60);
  return minutes === 0 ? `${seconds}s` : `${minutes}m${seconds - minutes * 60}s`;
}
