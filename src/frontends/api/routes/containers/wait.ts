import type { WaitCondition } from '../../../../engine/container/container.ts';
import type { Engine } from '../../../../engine/host/engine.ts';
import { invalid, isKind, toSiloError } from '../../../../foundation/base/errors.ts';
import type { Outgoing } from '../../../../foundation/http/http.ts';
import type { WaitResponse } from '../../../../foundation/wire/docker/container.ts';
import { answered, type Route } from '../../call.ts';

const conditions: readonly WaitCondition[] = ['not-running', 'next-exit', 'removed'];

/** The head goes out when the wait is registered: a client may start the container then and misses no exit. */
export function waitContainer(engine: { containers: Pick<Engine['containers'], 'wait'> }): Route {
  return {
    method: 'POST',
    path: '/containers/{id}/wait',
    async handle(call) {
      const { exchange } = call;
      const condition = parseCondition(call.query.get('condition') ?? '');
      let output: Outgoing | undefined;
      const open = (): Outgoing => (output ??= exchange.stream(200, 'application/json'));
      const finish = (response: WaitResponse): void => {
        open().write(`${JSON.stringify(response)}\n`);
        open().end();
      };
      try {
        const { exitCode } = await engine.containers.wait(call.param('id'), condition, {
          registered: () => void open(),
          signal: exchange.signal,
        });
        // `Error` is for a wait that failed. A start that failed has told its reason to whoever started: clients would print it twice.
        finish({ StatusCode: exitCode });
      } catch (thrown) {
        if (output === undefined) throw thrown;
        // The client left, or the wait itself failed: both are said in the body, as the head is out.
        if (isKind(thrown, 'canceled')) output.end();
        else finish({ StatusCode: -1, Error: { Message: toSiloError(thrown).message } });
      }
      return answered;
    },
  };
}

function parseCondition(text: string): WaitCondition {
  if (text === '') return 'not-running';
  const condition = conditions.find((known) => known === text);
  if (condition === undefined)
    throw invalid(`invalid condition: ${JSON.stringify(text.slice(0, 80))}`, { code: 'bad-condition' });
  return condition;
}
