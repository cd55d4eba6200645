import { once } from 'node:events';
import { type Duplex, type Readable, Writable } from 'node:stream';
import type { ContextStore, Transfer } from '../../../engine/build/contexts/context-store.ts';
import type { BuildClient, ContextSource, MainContext } from '../../../engine/build/solve/types.ts';
import { readTree } from '../../../engine/build/solve/files/read-tree.ts';
import { invalid, isKind, toSiloError, unavailable } from '../../../foundation/base/errors.ts';
import { readingArchive } from '../input/archive-body.ts';
import { settle } from '../../../foundation/http/channels/channel.ts';
import type { Channels } from '../../../foundation/http/channels/channels.ts';
import {
  type BuildContextJson,
  type BuildSessionRequestJson,
  type ChannelWords,
  mainContext,
  mostSecretBytes,
} from '../../../foundation/wire/silo/build-session.ts';
import { channelFolder } from './channel-folder.ts';

type Open = (words: ChannelWords) => Duplex;

/** What only the client has, behind channels that are opened when a step wants it. */
export function clientOf(
  channels: Pick<Channels, 'open'>,
  { secrets = [], agents = [], outputs = [], caches = [] }: BuildSessionRequestJson,
): BuildClient {
  const open: Open = (words) => channels.open(words);
  return {
    async secret(id) {
      if (!secrets.includes(id)) return undefined;
      const channel = open({ kind: 'secret', id });
      channel.end();
      const pieces: Buffer[] = [];
      let length = 0;
      for await (const piece of channel as AsyncIterable<Buffer>) {
        pieces.push(piece);
        length += piece.length;
        if (length > mostSecretBytes)
          throw invalid(
            `the secret ${JSON.stringify(id.slice(0, 100))} is larger than ${mostSecretBytes} bytes`,
            { code: 'secret-too-big' },
          );
      }
      return Buffer.concat(pieces);
    },
    agent: (id) => Promise.resolve(agents.includes(id) ? open({ kind: 'agent', id }) : undefined),
    receive(output) {
      if (!outputs.includes(output))
        throw invalid(`the client takes no output ${output}`, { code: 'output-not-taken' });
      return acknowledged(open({ kind: 'output', output }));
    },
    cached: (source, path) =>
      Promise.resolve(caches.includes(source) ? fileOf(open({ kind: 'cache', source, path })) : undefined),
  };
}

/** Undefined when the client says that it has no such file. */
async function fileOf(channel: Duplex): Promise<Readable | undefined> {
  channel.end();
  try {
    await once(channel, 'readable');
    return channel;
  } catch (error) {
    if (isKind(error, 'not-found')) return undefined;
    throw error;
  }
}

/** Finishes when the client has taken everything, not when it was sent. */
function acknowledged(channel: Duplex): Writable {
  const taken = Promise.withResolvers<void>();
  const early = (): void => taken.reject(unavailable('the client left before it had taken the output'));
  channel.resume().once('end', taken.resolve).once('error', taken.reject).once('close', early);
  taken.promise.catch((error: unknown) => output.destroy(toSiloError(error)));
  const output = new Writable({
    write: (chunk: Buffer, _encoding, callback) => void channel.write(chunk, callback),
    final(callback) {
      channel.end();
      void settle(taken.promise, callback);
    },
    destroy(error, callback) {
      channel.destroy(error ?? undefined);
      callback(error);
    },
  });
  // Whoever writes sees it; nobody may be there.
  return output.on('error', () => undefined);
}

export interface SessionContexts {
  context: MainContext;
  contexts: ReadonlyMap<string, ContextSource>;
}

interface ContextOptions {
  channels: Pick<Channels, 'open'>;
  store: Pick<ContextStore, 'read'>;
  onTransfer: (context: string, transfer: Transfer) => void;
}

/** The contexts that a request names; the client's own are read when the build wants them. */
export function contextsOf(request: BuildSessionRequestJson, options: ContextOptions): SessionContexts {
  const { [mainContext]: main, ...named } = request.contexts;
  const source = (name: string, json: BuildContextJson): ContextSource =>
    sourceOf(request, { ...options, name, json });
  const context = main && source(mainContext, main);
  if (context?.kind !== 'files' && context?.kind !== 'remote')
    throw invalid('a build needs a context that is a folder, an archive or an address', {
      code: 'no-context',
    });
  return {
    context,
    contexts: new Map(Object.entries(named).map(([name, json]) => [name, source(name, json)])),
  };
}

function sourceOf(
  { machine }: BuildSessionRequestJson,
  { channels, store, onTransfer, name, json }: ContextOptions & { name: string; json: BuildContextJson },
): ContextSource {
  const folder: Extract<ContextSource, { kind: 'files' }>['open'] = async ({ what, signal }) => {
    using files = channelFolder(
      () => channels.open({ kind: 'folder', context: name } satisfies ChannelWords),
      machine,
    );
    return await store.read(files, { what, signal, onTransfer: (transfer) => onTransfer(name, transfer) });
  };
  switch (json.kind) {
    case 'folder':
      return { kind: 'files', open: folder };
    case 'archive':
      return {
        kind: 'files',
        async open(spool) {
          const channel = channels.open({ kind: 'archive', context: name } satisfies ChannelWords);
          channel.end();
          try {
            return await readingArchive(readTree(channel, spool));
          } finally {
            channel.destroy();
          }
        },
      };
    case 'layout':
      return { kind: 'layout', open: folder, ...(json.name === undefined ? {} : { name: json.name }) };
    case 'remote':
    case 'image':
    case 'target':
      return json;
  }
}
