import type { Engine } from '../../../../engine/host/engine.ts';
import { parseReference, withDefaultTag } from '../../../../foundation/oci/reference.ts';
import type { BootstrapMessage } from '../../../../foundation/wire/silo/bootstrap.ts';
import { answered, type Route } from '../../call.ts';
import { readJson } from '../../input/json-body.ts';
import { bootstrapBody } from '../../input/other-bodies.ts';
import { streamMessages } from '../../output/json-lines.ts';
import { defined } from '../../translate/refuse.ts';

type Request = Parameters<Engine['images']['bootstrap']>[0];

/** Ours, not Docker's: makes a base image from what the machine has. */
export function bootstrapImage(engine: { images: Pick<Engine['images'], 'bootstrap'> }): Route {
  return {
    method: 'POST',
    path: '/silo/images/bootstrap',
    async handle(call) {
      const body = await readJson(call, bootstrapBody);
      const reference = body.Reference ? withDefaultTag(parseReference(body.Reference)) : undefined;
      await streamMessages<BootstrapMessage>(call, 'application/x-ndjson', async (lines) => {
        const image = await engine.images.bootstrap(
          defined<Request>({
            what: body.What,
            reference,
            packages: body.Packages,
            mirror: body.Mirror === '' ? undefined : body.Mirror,
            sources: body.Sources?.length === 0 ? undefined : body.Sources,
            verbose: body.Verbose,
            onLine: (line) => lines.write({ stream: `${line}\n` }),
            onProgress: ({ step, status, done, total }) =>
              lines.write({
                id: step,
                status: `${status} (${done}/${total})`,
                progressDetail: { current: done, total, hidecounts: true },
              }),
            signal: call.exchange.signal,
          }),
        );
        lines.write({ aux: { ID: image.id, Name: image.name } });
      });
      return answered;
    },
  };
}
