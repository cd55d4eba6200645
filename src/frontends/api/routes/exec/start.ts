import type { Engine } from '../../../../engine/host/engine.ts';
import { toSiloError } from '../../../../foundation/base/errors.ts';
import { answered, ok, type Route } from '../../call.ts';
import { execStartBody } from '../../input/container-bodies.ts';
import { readOptionalJson } from '../../input/json-body.ts';
import { createHijackedStreams } from '../../output/hijacked-streams.ts';
import { toConsoleSize } from '../../translate/container-config.ts';
import { defined } from '../../translate/refuse.ts';

type AttachedStart = Extract<Parameters<Engine['execs']['start']>[1], { detach: false }>;

/**
 * Runs the process. As in Docker the connection is taken over first and a failure to run is text in the stream: clients then ask for the exit code,
 * while an error answer to the upgrade would be all that they show.
 */
export function startExec(engine: { execs: Pick<Engine['execs'], 'start' | 'inspect'> }): Route {
  return {
    method: 'POST',
    path: '/exec/{id}/start',
    async handle(call) {
      const body = (await readOptionalJson(call, execStartBody)) ?? {};
      const { exchange, minor } = call;
      const { id, request: wanted } = engine.execs.inspect(call.param('id'));
      if (body.Detach) {
        await engine.execs.start(id, { detach: true });
        return ok(undefined);
      }
      const streams = createHijackedStreams(exchange, { minor, framed: !body.Tty, stdin: wanted.stdin });
      streams.open();
      const request = defined<AttachedStart>({
        detach: false,
        stdin: wanted.stdin ? streams.stdin : undefined,
        output: streams.sink,
        detachKeys: wanted.detachKeys,
        consoleSize: toConsoleSize(body.ConsoleSize),
        signal: exchange.signal,
      });
      try {
        await engine.execs.start(id, request);
      } catch (thrown) {
        streams.sink.write('stdout', Buffer.from(`${toSiloError(thrown).message}\r\n`));
      }
      streams.end();
      return answered;
    },
  };
}
