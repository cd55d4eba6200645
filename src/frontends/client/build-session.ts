import type { Duplex } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import {
  SiloError,
  canceled,
  corrupt,
  invalid,
  notFound,
  toSiloError,
  unavailable,
} from '../../foundation/base/errors.ts';
import { createByteSource } from '../../foundation/http/channels/byte-source.ts';
import { drained } from '../../foundation/base/drained.ts';
import { errorOfJson } from '../../foundation/base/error-json.ts';
import { type Channels, openChannels } from '../../foundation/http/channels/channels.ts';
import {
  type BuildErrorJson,
  type BuildEventJson,
  type BuildSessionRequestJson,
  buildSessionVersion,
  mostLineBytes,
} from '../../foundation/wire/silo/build-session.ts';
import { type LocalFolder, serveFolder } from './serve-folder.ts';
import type { StreamConnection } from './stream-connection.ts';
import type { Transport } from './transport.ts';

/** What the engine may ask for while it builds. Only what the request names is ever asked for; anything else is refused. */
export interface BuildOffers {
  folder?: (context: string) => LocalFolder;
  archive?: (context: string) => AsyncIterable<Uint8Array>;
  secret?: (id: string) => Promise<Uint8Array>;
  agent?: (id: string) => Promise<Duplex>;
  /** Kind `not-found` when there is no such file. */
  cache?: (source: number, path: string) => Promise<AsyncIterable<Uint8Array>>;
  /** Resolves when everything was taken and is where it belongs. */
  output?: (output: number, bytes: AsyncIterable<Uint8Array>) => Promise<void>;
}

export interface BuildOptions {
  /** Ends the build; the call fails with kind `canceled` once the engine has cleaned up. */
  signal?: AbortSignal;
  /** Every event but the last. */
  onEvent: (event: BuildEventJson) => void;
  /** A shell waits in this container: resolves when somebody is attached to it. */
  onDebug?: (containerId: string) => Promise<void>;
}

export type BuildResult = Extract<BuildEventJson, { kind: 'result' }>;

/** Kind `invalid` and others as the engine says; what is beside the message is in `cause`. */
export interface BuildFailure {
  buildError: BuildErrorJson;
}

/** One session: a connection that is taken over, with channels both ways. */
export async function runBuildSession(
  transport: Transport,
  {
    request,
    offers,
    options,
  }: { request: BuildSessionRequestJson; offers: BuildOffers; options: BuildOptions },
): Promise<BuildResult> {
  using connection = await transport.hijack({
    method: 'POST',
    path: '/silo/build',
    query: { version: buildSessionVersion },
    unversioned: true,
  });
  const channels = openChannels(transportOf(connection), {
    side: 'client',
    onOpen: (words, channel) => answer(words, { channel, offers, request }),
  });
  return await talk(channels, request, options);
}

function transportOf(connection: StreamConnection): Parameters<typeof openChannels>[0] {
  const { input } = connection;
  return {
    input: connection.output(),
    write: (bytes) => input.destroyed || input.write(bytes),
    drained: () => drained(input),
    end: () => void input.end(),
    destroy: () => connection[Symbol.dispose](),
  };
}

async function talk(
  channels: Channels,
  request: BuildSessionRequestJson,
  { signal, onEvent, onDebug }: BuildOptions,
): Promise<BuildResult> {
  const channel = channels.open({ kind: 'build' });
  channel.write(`${JSON.stringify(request)}\n`);
  const cancel = (): void => void channel.write('{"kind":"cancel"}\n');
  if (signal?.aborted === true) cancel();
  else signal?.addEventListener('abort', cancel, { once: true });
  try {
    const source = createByteSource(channel);
    for (
      let line = await source.line(mostLineBytes);
      line !== undefined;
      line = await source.line(mostLineBytes)
    ) {
      const event = parseEvent(line);
      if (event.kind === 'result') return event;
      if (event.kind === 'error') throw failureOf(event.error, signal);
      if (event.kind === 'debug') {
        await onDebug?.(event.containerId);
        channel.write('{"kind":"attached"}\n');
      } else onEvent(event);
    }
    throw lost();
  } catch (error) {
    // A connection that broke has a channel that failed: the reason is the connection's.
    throw toSiloError(error).code === 'channel-closed' ? lost() : error;
  } finally {
    signal?.removeEventListener('abort', cancel);
    channels.close();
  }
}

const lost = () =>
  unavailable('the engine ended during the build, and the build with it', {
    code: 'build-lost',
    hint: 'start the build again: finished steps are kept. silo doctor and the log of the daemon say why it ended',
  });

function failureOf(buildError: BuildErrorJson, signal: AbortSignal | undefined): Error {
  if (signal?.aborted === true && buildError.kind === 'canceled')
    return canceled('the build was canceled', { code: 'build-canceled' });
  const { kind, code, message, hint } = errorOfJson(buildError);
  return new SiloError(kind, message, {
    code,
    hint,
    cause: { daemonStatus: 400, buildError },
  });
}

function parseEvent(line: string): BuildEventJson {
  try {
    const event: unknown = JSON.parse(line);
    if (typeof event === 'object' && event !== null && 'kind' in event) return event as BuildEventJson;
  } catch {
    // Told below.
  }
  throw corrupt(`the engine sent an event of a build that cannot be read: ${line.slice(0, 100)}`);
}

interface Asked {
  channel: Duplex;
  offers: BuildOffers;
  request: BuildSessionRequestJson;
}

/** Gives what was promised, and nothing else: an engine that asks for other things is refused. */
function answer(words: unknown, { channel, offers, request }: Asked): void {
  const { kind, context, id, output, source, path } = fieldsOf(words);
  const give = (work: Promise<unknown> | undefined): void => {
    if (work === undefined)
      throw notFound(`this client offers no ${String(kind).slice(0, 40)} of that name`, {
        code: 'not-offered',
      });
    work.then(undefined, (error: unknown) => channel.destroy(toSiloError(error)));
  };
  if (
    kind === 'folder' &&
    typeof context === 'string' &&
    ['folder', 'layout'].includes(kindOf(request, context))
  )
    return give(offers.folder && serveFolder(channel, offers.folder(context)));
  if (kind === 'archive' && typeof context === 'string' && kindOf(request, context) === 'archive')
    return give(offers.archive && pipeline(offers.archive(context), channel));
  if (kind === 'secret' && typeof id === 'string' && request.secrets?.includes(id) === true)
    return give(offers.secret?.(id).then((value) => void channel.end(value)));
  if (kind === 'agent' && typeof id === 'string' && request.agents?.includes(id) === true)
    return give(offers.agent?.(id).then((agent) => join(channel, agent)));
  if (
    kind === 'cache' &&
    typeof source === 'number' &&
    typeof path === 'string' &&
    request.caches?.includes(source) === true
  )
    return give(offers.cache?.(source, path).then((file) => pipeline(file, channel)));
  if (kind === 'output' && typeof output === 'number' && request.outputs?.includes(output) === true)
    return give(offers.output?.(output, createByteSource(channel).rest()).then(() => void channel.end()));
  throw invalid('the engine asked for something that this build does not offer', { code: 'not-offered' });
}

const kindOf = ({ contexts }: BuildSessionRequestJson, name: string): string =>
  Object.hasOwn(contexts, name) ? (contexts[name]?.kind ?? '') : '';

const fieldsOf = (words: unknown): Record<string, unknown> =>
  typeof words === 'object' && words !== null ? { ...words } : {};

/** Bytes both ways until one of them ends. */
async function join(channel: Duplex, agent: Duplex): Promise<void> {
  await Promise.allSettled([pipeline(channel, agent), pipeline(agent, channel)]);
}
