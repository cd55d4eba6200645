import type { Duplex } from 'node:stream';
import { newBuildId } from '../../../../engine/build/history/record-builds.ts';
import type { Engine } from '../../../../engine/host/engine.ts';
import { drained } from '../../../../foundation/base/drained.ts';
import { canceled, invalid, unsupported } from '../../../../foundation/base/errors.ts';
import { type ByteSource, createByteSource } from '../../../../foundation/http/channels/byte-source.ts';
import { type Channels, openChannels } from '../../../../foundation/http/channels/channels.ts';
import type { Connection } from '../../../../foundation/http/http.ts';
import {
  type BuildEventJson,
  buildSessionType,
  buildSessionVersion,
  mostLineBytes,
} from '../../../../foundation/wire/silo/build-session.ts';
import { answered, type Route } from '../../call.ts';
import { clientOf, contextsOf } from '../../build-session/client-side.ts';
import { createEventWriter, errorJson } from '../../build-session/events.ts';
import { buildSessionRequest } from '../../build-session/request.ts';
import { toBuildRequest } from '../../build-session/to-build-request.ts';

/** A build with its client at hand for all of it: `foundation/wire/silo/build-session.ts` says what goes over the connection. A client that leaves ends the build. */
export function openBuildSession(engine: Pick<Engine, 'builds' | 'host'>): Route {
  return {
    method: 'POST',
    path: '/silo/build',
    async handle({ query, exchange }) {
      const version = query.get('version') ?? '';
      if (version !== String(buildSessionVersion))
        throw unsupported(
          `build sessions of version ${version.slice(0, 20)} are not spoken here, only version ${buildSessionVersion}`,
          {
            code: 'build-session-version',
            hint: 'use a client and an engine of the same version, or DOCKER_BUILDKIT=0 docker build',
          },
        );
      const channels = acceptSession(exchange.hijack(buildSessionType), {
        destroy: () => exchange.destroy(),
        onBuild: (channel) => runBuild(engine, channels, channel),
      });
      await channels.ended;
      channels.close();
      return answered;
    },
  };
}

/** One build a connection; it ends with it. */
function acceptSession(
  { input, output }: Connection,
  { destroy, onBuild }: { destroy: () => void; onBuild: (channel: Duplex) => Promise<void> },
): Channels {
  let hasBegun = false;
  const channels = openChannels(
    {
      input,
      write: (bytes) => output.write(bytes),
      drained: () => output.drained(),
      end: () => output.end(),
      destroy,
    },
    {
      side: 'server',
      onOpen(words, channel) {
        const isBuild =
          typeof words === 'object' && words !== null && 'kind' in words && words.kind === 'build';
        if (!isBuild || hasBegun)
          throw invalid('a client opens one channel for its build, and no other', {
            code: 'bad-build-channel',
          });
        hasBegun = true;
        void onBuild(channel).then(() => channels.close());
      },
    },
  );
  return channels;
}

/** Never fails: what goes wrong is told. */
async function runBuild(
  { builds, host }: Pick<Engine, 'builds' | 'host'>,
  channels: Channels,
  channel: Duplex,
): Promise<void> {
  const ending = new AbortController();
  void channels.ended.then(() => ending.abort(canceled('the client left')));
  channel.once('close', () => ending.abort(canceled('the client left')));
  const write = (event: BuildEventJson): boolean =>
    channel.destroyed || channel.write(`${JSON.stringify(event)}\n`);
  try {
    const source = createByteSource(channel);
    const request = buildSessionRequest(parseJson(await source.line(mostLineBytes)), '');
    const attached = Promise.withResolvers<void>();
    void watchClient(source, { ending, attached: attached.resolve });
    const toEvent = createEventWriter();
    const recordId = newBuildId();
    write({ kind: 'build', id: recordId });
    const result = await builds.build({
      ...toBuildRequest(request, host),
      recordId,
      ...contextsOf(request, {
        channels,
        store: builds.contexts,
        onTransfer: (context, transfer) => void write({ kind: 'context', context, ...transfer }),
      }),
      client: clientOf(channels, request),
      ...(request.debug?.length
        ? {
            debug: {
              shell: request.debug,
              async ready(containerId: string) {
                write({ kind: 'debug', containerId });
                await abortable(attached.promise, ending.signal);
              },
            },
          }
        : {}),
      onProgress(progress) {
        const event = toEvent(progress);
        return event === undefined || write(event);
      },
      drained: () => drained(channel),
      signal: ending.signal,
    });
    write({ kind: 'result', ...result });
  } catch (error) {
    write({ kind: 'error', error: errorJson(error) });
  }
  await new Promise<void>((resolve) => {
    channel.once('close', resolve);
    channel.end(resolve);
  });
}

/** Lines behind the request. The end of the client's direction means nothing. */
async function watchClient(
  source: ByteSource,
  { ending, attached }: { ending: AbortController; attached: () => void },
): Promise<void> {
  try {
    for (
      let line = await source.line(mostWordBytes);
      line !== undefined;
      line = await source.line(mostWordBytes)
    ) {
      if (line === '{"kind":"attached"}') attached();
      else ending.abort(canceled('the build was canceled', { code: 'build-canceled' }));
    }
  } catch (error) {
    ending.abort(error);
  }
}

const mostWordBytes = 1 << 12;

/** Fails when the build ends. */
const abortable = (work: Promise<void>, signal: AbortSignal): Promise<void> =>
  new Promise((resolve, reject) => {
    const stop = (): void => reject(canceled('the build was canceled', { code: 'build-canceled' }));
    if (signal.aborted) stop();
    else signal.addEventListener('abort', stop, { once: true });
    work.then(resolve, reject);
  });

function parseJson(line: string | undefined): unknown {
  try {
    return JSON.parse(line ?? '');
  } catch (cause) {
    throw invalid('the request of the build is no JSON', { code: 'bad-build-request', cause });
  }
}
