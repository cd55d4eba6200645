import { invalid, isKind, SiloError, timedOut } from '../../../../foundation/base/errors.ts';
import type { ContainerId } from '../../../../foundation/base/ids.ts';
import type { ImageId } from '../../../../foundation/oci/digest.ts';
import type { ExecVertex } from '../../graph/vertex.ts';
import { proxyArguments } from '../../language/stages/predefined.ts';
import { openMounts, type OpenedMounts } from '../../mounts/open-mounts.ts';
import type { OpenMounts } from '../../mounts/opening.ts';
import type { Slot } from '../schedule/slots.ts';
import { commitStep, filesOnly, withContainer } from './step.ts';
import type { BuildDeps, BuildRequest, StepDebug, StepDeps, StepReport } from '../types.ts';

export interface ExecStep extends Pick<OpenMounts, 'filesOf'> {
  vertex: ExecVertex;
  base: ImageId;
  title: string;
  report: StepReport;
  /** Around what waits for a person: it keeps no place from other steps. */
  aside: Slot['aside'];
  signal: AbortSignal | undefined;
}

type ExecRequest = Pick<BuildRequest, 'arguments' | 'client' | 'limits' | 'stepTimeoutMs' | 'debug'>;

/** Runs a command on an image; what it changed becomes the next one. Kind `invalid` with the exit code when it fails. */
export async function runExec(deps: StepDeps, request: ExecRequest, step: ExecStep): Promise<ImageId> {
  const { vertex, base, title, signal } = step;
  await using opened = await openMounts(deps, {
    ...step,
    client: request.client,
    namespace: request.arguments.get('BUILDKIT_CACHE_MOUNT_NS') ?? '',
    copyTo: (image, path, directory) =>
      withContainer(deps, image, filesOnly, (id) => deps.files.copyTo(id, path, directory, { signal })),
  });
  const container = {
    command: vertex.args,
    env: [...vertex.env, ...proxiesOf(request, vertex), ...opened.env],
    cwd: vertex.cwd,
    user: vertex.user,
    network: vertex.network,
    mounts: opened.mounts,
    devices: vertex.devices,
    privileged: vertex.security === 'insecure',
    limits: request.limits,
  };
  try {
    return await withContainer(deps, base, container, async (id) => {
      const mountPoints = await runToEnd(deps, id, { request, step, opened });
      opened.releaseCaches();
      return await commitStep(deps, id, { title, signal, mountPoints });
    });
  } catch (error) {
    const { debug } = request;
    if (debug && error instanceof SiloError && error.code === 'build-step-failed' && signal?.aborted !== true)
      await withContainer(deps, base, { ...container, command: debug.shell, isInteractive: true }, (id) =>
        step.aside(() => lookInto(deps, id, { debug, opened, signal })),
      );
    throw error;
  }
}

/** Until the shell ends, or whoever asked for it leaves. */
async function lookInto(
  { containers }: Pick<BuildDeps, 'containers'>,
  id: ContainerId,
  { debug, opened, signal }: { debug: StepDebug; opened: OpenedMounts; signal: AbortSignal | undefined },
): Promise<void> {
  await debug.ready(id);
  await containers.start(id, { env: opened.privateEnv });
  await containers.wait(id, 'not-running', signal ? { signal } : {});
}

/** Of no key and no history: without ARG they are there while the command runs, and nowhere else. */
function proxiesOf({ arguments: given }: ExecRequest, { env }: ExecVertex): string[] {
  const named = new Set(env.map((entry) => entry.split('=', 1)[0]));
  return proxyArguments.flatMap((name) => {
    const value = given.get(name);
    return value === undefined || named.has(name) ? [] : [`${name}=${value}`];
  });
}

interface Run {
  request: ExecRequest;
  step: ExecStep;
  opened: OpenedMounts;
}

/** Resolves with the mount points that were made when the command ended well. */
async function runToEnd(
  deps: BuildDeps,
  id: ContainerId,
  { request, step: { vertex, report, signal: asked }, opened }: Run,
): Promise<readonly string[]> {
  const command = vertex.args.join(' ').slice(0, 1000);
  const { stepTimeoutMs } = request;
  using deadline = startDeadline(stepTimeoutMs);
  const signals = [asked, deadline.signal].flatMap((each) => each ?? []);
  const options = signals.length === 0 ? {} : { signal: AbortSignal.any(signals) };
  report.running(id);
  const parked = Promise.withResolvers<void>();
  const attached = deps.streams.attach(id, {
    output: {
      write: (stream, chunk) => report.output(stream, Buffer.from(chunk)),
      drained: report.drained,
    },
    stdout: true,
    stderr: true,
    logs: false,
    stream: true,
    onReady: () => parked.resolve(),
    ...options,
  });
  // It may end before it is ready; whoever waits sees the failure then.
  attached.then(() => parked.resolve(), parked.reject);
  await parked.promise;
  let mountPoints: readonly string[] = [];
  await deps.containers
    .start(id, { env: opened.privateEnv, onMountPoints: (made) => (mountPoints = made) })
    .catch((error: unknown) => {
      throw mountFailure(error, opened);
    });
  try {
    const { exitCode } = await deps.containers.wait(id, 'not-running', options);
    await attached;
    if (exitCode === 0) return mountPoints;
    throw invalid(`The command '${command}' returned a non-zero code: ${exitCode}`, {
      code: 'build-step-failed',
      cause: { exitCode },
    });
  } catch (error) {
    if (asked?.aborted || !deadline.signal?.aborted || !isKind(error, 'canceled')) throw error;
    throw timedOut(`The command '${command}' did not end within ${Number(stepTimeoutMs) / 1000} s`, {
      code: 'build-step-timeout',
      cause: error,
    });
  }
}

function startDeadline(milliseconds: number | undefined): { signal?: AbortSignal } & Disposable {
  if (milliseconds === undefined) return { [Symbol.dispose]: () => undefined };
  const controller = new AbortController();
  const timer = setTimeout(() => controller.abort(), milliseconds);
  return { signal: controller.signal, [Symbol.dispose]: () => clearTimeout(timer) };
}

/** What is mounted is looked up when the container starts, and told with the engine's own paths. */
function mountFailure(error: unknown, { mounts }: OpenedMounts): unknown {
  if (!(error instanceof SiloError) || error.code !== 'missing-subpath') return error;
  const missing = mounts.find(({ subpath = '\0' }) => error.message.includes(subpath));
  return invalid(`RUN --mount: ${JSON.stringify((missing?.subpath ?? '').slice(0, 400))}: not found`, {
    code: 'no-such-source',
    cause: error,
  });
}
