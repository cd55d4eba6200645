import type { ExecInfo } from '../../../../engine/container/container.ts';
import type { Engine } from '../../../../engine/host/engine.ts';
import type { ExecInspectJson } from '../../../../foundation/wire/docker/exec.ts';
import { ok, type Route } from '../../call.ts';

export function inspectExec(engine: { execs: Pick<Engine['execs'], 'inspect'> }): Route {
  return {
    method: 'GET',
    path: '/exec/{id}/json',
    handle: async (call) => ok(toExecInspect(engine.execs.inspect(call.param('id')))),
  };
}

function toExecInspect(info: ExecInfo): ExecInspectJson {
  const { request } = info;
  const [entrypoint = '', ...args] = request.args;
  return {
    ID: info.id,
    Running: info.running,
    ExitCode: info.exitCode ?? null,
    ProcessConfig: {
      tty: request.terminal,
      entrypoint,
      arguments: args,
      privileged: request.privileged,
      ...(request.user === undefined ? {} : { user: request.user }),
    },
    OpenStdin: request.stdin,
    OpenStderr: request.stderr,
    OpenStdout: request.stdout,
    CanRemove: false,
    ContainerID: info.containerId,
    DetachKeys: '',
    Pid: info.pid,
  };
}
