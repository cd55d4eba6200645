import { archiveContext, exitCodeOf } from '../../../../engine/build/solve/types.ts';
import type { Engine } from '../../../../engine/host/engine.ts';
import { toSiloError } from '../../../../foundation/base/errors.ts';
import { shortId } from '../../../../foundation/base/ids.ts';
import { familiarName } from '../../../../foundation/oci/reference.ts';
import type { Outgoing } from '../../../../foundation/http/http.ts';
import type { JsonMessage } from '../../../../foundation/wire/docker/json-message.ts';
import { answered, type Route } from '../../call.ts';
import { readingArchive } from '../../input/archive-body.ts';
import { readBuildQuery } from '../../input/build-query.ts';
import { createBuildStream } from '../../output/build-stream.ts';

/** The classic builder: the context in the body, text as it comes, the image's id as `aux`. A client that leaves ends the build. */
export function buildImage(engine: Pick<Engine, 'builds' | 'host'>): Route {
  return {
    method: 'POST',
    path: '/build',
    async handle({ query, exchange }) {
      const { quiet, remote, ...request } = readBuildQuery(query, exchange.headers, engine.host);
      let output: Outgoing | undefined;
      const write = (message: JsonMessage): boolean =>
        (output ??= exchange.stream(200, 'application/json')).write(`${JSON.stringify(message)}\r\n`);
      const stream = createBuildStream({
        write: (text) => quiet || write({ stream: text }),
        drained: () => output?.drained() ?? Promise.resolve(),
      });
      try {
        const { image: id } = await readingArchive(
          engine.builds.build({
            ...request,
            context:
              remote === undefined ? archiveContext(exchange.body) : { kind: 'remote', address: remote },
            onProgress: stream.tell,
            drained: stream.drained,
            signal: exchange.signal,
          }),
        );
        write({ aux: { ID: id } });
        if (quiet) write({ stream: `${id}\n` });
        else {
          write({ stream: `Successfully built ${shortId(id)}\n` });
          for (const tag of request.tags) write({ stream: `Successfully tagged ${familiarName(tag)}\n` });
        }
      } catch (thrown) {
        stream.end();
        if (output === undefined) throw thrown;
        const error = toSiloError(thrown);
        const code = exitCodeOf(error);
        const { message } = error;
        write({ errorDetail: { ...(code === undefined ? {} : { code }), message }, error: message });
      }
      output?.end();
      return answered;
    },
  };
}
