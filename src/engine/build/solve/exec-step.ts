import { invalid } from '../../../foundation/base/errors.ts';
import type { ImageId } from '../../../foundation/oci/digest.ts';
import type { ExecVertex } from '../graph/vertex.ts';
import { proxyArguments } from '../language/stages/predefined.ts';
import { commitStep, withContainer } from './step.ts';
import type { BuildDeps, BuildRequest, StepReport } from './types.ts';

export interface ExecStep {
  vertex: ExecVertex;
  base: ImageId;
  title: string;
  report: StepReport;
  signal: AbortSignal | undefined;
}

/** Runs a command on an image; what it changed becomes the next one. Kind `invalid` with the exit code when it fails. */
export function runExec(
  deps: BuildDeps,
  request: Pick<BuildRequest, 'arguments' | 'network'>,
  { vertex, base, title, report, signal }: ExecStep,
): Promise<ImageId> {
  const network = vertex.network === 'default' ? request.network : vertex.network;
  const named = new Set(vertex.env.map((entry) => entry.split('=', 1)[0]));
  // Of no key and no history: without ARG they are there while the command runs, and nowhere else.
  const proxies = proxyArguments.flatMap((name) => {
    const value = request.arguments.get(name);
    return value === undefined || named.has(name) ? [] : [`${name}=${value}`];
  });
  const step = {
    command: vertex.args,
    env: [...vertex.env, ...proxies],
    cwd: vertex.cwd,
    user: vertex.user,
    network,
  };
  return withContainer(deps, base, step, async (id) => {
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
      ...(signal ? { signal } : {}),
    });
    // It may end before it is ready; whoever waits sees the failure then.
    attached.then(() => parked.resolve(), parked.reject);
    await parked.promise;
    await deps.containers.start(id);
    const { exitCode } = await deps.containers.wait(id, 'not-running', signal ? { signal } : {});
    await attached;
    if (exitCode !== 0)
      throw invalid(
        `The command '${vertex.args.join(' ').slice(0, 1000)}' returned a non-zero code: ${exitCode}`,
        {
          code: 'build-step-failed',
          cause: { exitCode },
        },
      );
    return commitStep(deps, id, { title, signal });
  });
}
