import { conflict, invalid, notFound } from '../../../foundation/base/errors.ts';
import { type ContainerId, type ExecId, parseExecId, randomHexId } from '../../../foundation/base/ids.ts';
import { ownerOutside } from '../../../foundation/archive/owner-map.ts';
import { openRoot } from '../../../foundation/kernel/rooted.ts';
import type { SpecProcess } from '../../../foundation/oci/runtime-spec.ts';
import { toExecProcess } from '../../../resources/spec/process.ts';
import type { ContainerExecs, ContainerRecord, ExecRequest } from '../container.ts';
import { type Context, type ExecEntry, publish } from '../context.ts';
import { pump } from '../streams/pump.ts';
import { rootfsPath } from '../mounts/rootfs.ts';
import { resolveSecurity } from '../spec/security.ts';
import { identify } from '../spec/identity.ts';
import { containerEnvironment } from './environment.ts';
import { findPresent, linkVariables } from '../network/link-containers.ts';
import { isRunning } from '../state.ts';

/** Execs that do not run are kept, at most so many: ended ones for their exit code, as clients ask right after the end, others until they are started. */
const keptExecs = 1000;

export function createExecs(context: Context): ContainerExecs {
  const entryOf = (id: string): ExecEntry => {
    const entry = context.execs.get(id as ExecId);
    if (!entry) throw notFound(`No such exec instance: ${id}`, { code: 'no-such-exec' });
    return entry;
  };
  return {
    async create(nameOrId, request) {
      const record = context.store.get(nameOrId);
      mustRun(record, nameOrId);
      if (request.args.length === 0) throw invalid('No exec command specified', { code: 'no-command' });
      const id = parseExecId(randomHexId());
      context.execs.set(id, {
        info: { id, containerId: record.id, request, running: false, pid: 0 },
        ended: Promise.withResolvers<void>(),
      });
      forgetOldest(context);
      publish(context, record, `exec_create: ${eventWords(request.args)}`, { execID: id });
      return id;
    },
    async start(id, request) {
      const entry = entryOf(id);
      const record = context.store.get(entry.info.containerId);
      mustRun(record, record.id);
      if (entry.info.running || entry.info.exitCode !== undefined)
        throw conflict(`exec ${id} has already run`, { code: 'exec-already-run' });
      entry.info = { ...entry.info, running: true };
      const streams = await launch(context, record, entry, request);
      if (!request.detach) request.onReady?.();
      publish(context, record, `exec_start: ${eventWords(entry.info.request.args)}`, { execID: id });
      if (request.detach || !streams) return;
      const { stdout, stderr, stdin } = entry.info.request;
      const { stdin: input, ...rest } = request;
      const outcome = await pump(streams, {
        ...rest,
        stdout,
        stderr,
        ...(stdin && input ? { stdin: input } : {}),
      });
      if (outcome.reason === 'ended') await entry.ended.promise;
    },
    of: (containerId) =>
      [...context.execs.values()]
        .filter(({ info }) => info.containerId === containerId && info.exitCode === undefined)
        .map(({ info }) => info.id),
    async resize(id, size) {
      const { info } = entryOf(id);
      if (!info.running) throw conflict(`exec ${id} is not running`, { code: 'exec-not-running' });
      await context.driver.streams.resize({ id: info.containerId, execId: info.id }, size);
    },
    inspect: (id) => entryOf(id).info,
  };
}

/** Docker puts a space behind the program even when no argument follows. */
function eventWords([program = '', ...args]: readonly string[]): string {
  return `${program} ${args.join(' ')}`;
}

async function launch(
  context: Context,
  record: ContainerRecord,
  entry: ExecEntry,
  request: Parameters<ContainerExecs['start']>[1],
) {
  const { request: wanted } = entry.info;
  const size = (request.detach ? undefined : request.consoleSize) ?? wanted.consoleSize;
  try {
    const process = toProcess(context, record, wanted, size);
    const ids = context.idRanges.of(record.id);
    const { pid, streams } = await context.driver.execs.exec({
      id: record.id,
      execId: entry.info.id,
      process,
      ...(ids ? { streamOwner: ownerOutside(process.user, ids) } : {}),
      attach: !request.detach,
      stdin: wanted.stdin,
    });
    if (entry.info.running) entry.info = { ...entry.info, pid };
    return streams;
  } catch (error) {
    entry.info = { ...entry.info, running: false, exitCode: 126 };
    entry.ended.resolve();
    throw error;
  }
}

function toProcess(
  context: Context,
  record: ContainerRecord,
  request: ExecRequest,
  size: { columns: number; rows: number } | undefined,
): SpecProcess {
  using root = openRoot(rootfsPath(context, record.id));
  const { config } = record;
  const security = resolveSecurity(config.security, context.settings.security);
  return toExecProcess({
    process: {
      args: request.args,
      env: request.env,
      cwd: request.cwd || config.workingDir || '/',
      user: identify(root, request.user || config.user, config.security.groupAdd),
      terminal: request.terminal,
      ...(size ? { terminalSize: size } : {}),
    },
    security: request.privileged ? { ...security, privileged: true } : security,
    containerEnv: [...linkVariables(record, findPresent(context, record)), ...containerEnvironment(config)],
    host: context.settings.host,
  });
}

function mustRun(record: ContainerRecord, calledBy: string): void {
  if (record.state.status === 'paused')
    throw conflict(`Container ${calledBy} is paused, unpause the container before exec`, {
      code: 'container-paused',
    });
  if (record.state.status === 'restarting')
    throw conflict(`Container ${record.id} is restarting, wait until the container is running`, {
      code: 'container-restarting',
    });
  if (!isRunning(record.state))
    throw conflict(`container ${record.id} is not running`, { code: 'not-running' });
}

/** The end of an exec process, as the runtime reports it. */
export function endExec(context: Context, id: ExecId, exit: { exitCode: number }): void {
  const entry = context.execs.get(id);
  if (!entry) return;
  entry.info = { ...entry.info, running: false, exitCode: exit.exitCode };
  const record = context.store.find(entry.info.containerId);
  if (record) publish(context, record, 'exec_die', { execID: id, exitCode: String(exit.exitCode) });
  entry.ended.resolve();
  context.driver.execs
    .forgetExec(entry.info.containerId, id)
    .catch((error: unknown) => context.log.warn(`forgetting exec ${id}: ${String(error)}`));
}

/** The container ended: processes beside the first one have ended with it. */
export function endExecsOf(context: Context, containerId: ContainerId): void {
  for (const entry of context.execs.values()) {
    if (entry.info.containerId !== containerId || !entry.info.running) continue;
    entry.info = { ...entry.info, running: false, exitCode: 137 };
    entry.ended.resolve();
  }
}

/** Those that have ended first, then those that nobody started. Running ones do not count: a thousand of them must not cost the one that was just made. */
function forgetOldest(context: Context): void {
  const idle = [...context.execs.values()].filter(({ info }) => !info.running);
  const hasEnded = ({ info }: ExecEntry): boolean => info.exitCode !== undefined;
  const excess = Math.max(0, idle.length - keptExecs);
  for (const { info } of [...idle.filter(hasEnded), ...idle.filter((entry) => !hasEnded(entry))].slice(
    0,
    excess,
  ))
    context.execs.delete(info.id);
}
