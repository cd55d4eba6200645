import type { Duplex } from 'node:stream';
import { errorOfJson } from '../../base/error-json.ts';
import { SiloError, toSiloError, unavailable } from '../../base/errors.ts';
import { createChannel, type ChannelEnd } from './channel.ts';
import { broken, createFrameReader, formatFrame, mostWordsBytes } from './frame.ts';
import type { Frame, FrameKind } from './frame.ts';

/** Both directions of a connection. */
export interface ChannelsTransport {
  /** Is read to its end; what it throws is why the connection broke. */
  input: AsyncIterable<Uint8Array>;
  /** False asks to wait for `drained`. */
  write(bytes: Uint8Array): boolean;
  drained(): Promise<void>;
  /** Nothing more is written. */
  end(): void;
  /** Cuts the connection. */
  destroy(): void;
}

export interface ChannelsOptions {
  side: 'client' | 'server';
  /** The other side opened a channel. What it throws resets the channel; words are whatever the other side said. */
  onOpen: (words: unknown, channel: Duplex) => void;
}

export interface Channels {
  /** Kind `unavailable` when the connection is gone, and on the channel when the other side refuses it. */
  open(words: unknown): Duplex;
  /** Resolves when the connection has ended, however; with the error that ended it, if it was one. */
  readonly ended: Promise<SiloError | undefined>;
  /** Ends all channels and the connection, once what was written has left. */
  close(): void;
}

/** Of the other side, open at the same time. */
export const mostChannels = 256;

export function openChannels(transport: ChannelsTransport, options: ChannelsOptions): Channels {
  const { side, onOpen } = options;
  const ends = new Map<number, ChannelEnd>();
  const closed = Promise.withResolvers<SiloError | undefined>();
  let isOver = false;
  let draining: Promise<void> | undefined;
  let next = side === 'client' ? 1 : 2;
  let latest = side === 'client' ? 0 : -1;
  let theirs = 0;
  let refused = 0;

  const send = (kind: FrameKind, number: number, payload?: Uint8Array): boolean =>
    isOver || transport.write(formatFrame(kind, number, payload));

  /** All channels wait for one event. */
  const drained = (): Promise<void> => {
    draining ??= transport.drained().finally(() => (draining = undefined));
    return draining;
  };
  const finish = (error: SiloError | undefined): void => {
    if (isOver) return;
    isOver = true;
    for (const end of ends.values())
      end.fail(error ?? unavailable('the connection was closed', { code: 'channel-closed' }));
    ends.clear();
    closed.resolve(error);
  };

  const create = (number: number): ChannelEnd => {
    const isTheirs = number % 2 !== next % 2;
    const end = createChannel({
      send: (kind, payload) => send(kind, number, payload),
      drained,
      reset: (error) => void send('reset', number, formatReset(error)),
      gone() {
        if (ends.delete(number) && isTheirs) theirs--;
      },
    });
    ends.set(number, end);
    if (isTheirs) theirs++;
    return end;
  };

  const opened = ({ channel, payload }: Frame): void => {
    if (channel % 2 === next % 2 || channel <= latest || channel === 0)
      throw broken('the number of a channel that it cannot open');
    latest = channel;
    if (theirs >= mostChannels) {
      // Each refusal is an answer, and whoever asks need not read them.
      if (++refused > mostChannels) throw broken('more channels than it may open, again and again');
      return void send('reset', channel, formatReset(unavailable(`more than ${mostChannels} channels`)));
    }
    const { duplex } = create(channel);
    try {
      onOpen(parseWords(payload), duplex);
    } catch (error) {
      duplex.destroy(toSiloError(error));
    }
  };

  const take = (frame: Frame): void => {
    if (frame.kind === 'open') return opened(frame);
    const end = ends.get(frame.channel);
    // Frames may be on their way while this side resets a channel; those of channels that never were are a mistake.
    if (end === undefined) {
      const known = frame.channel % 2 === next % 2 ? next - 1 : latest;
      if (frame.channel > known) throw broken('a frame of a channel that was never opened');
      return;
    }
    if (frame.kind === 'reset') end.fail(parseReset(frame.payload));
    else end.take(frame.kind, frame.payload);
  };

  void (async () => {
    const read = createFrameReader();
    try {
      for await (const chunk of transport.input)
        for (const frame of read(Buffer.from(chunk.buffer, chunk.byteOffset, chunk.length))) {
          if (isOver) return;
          take(frame);
        }
      finish(undefined);
    } catch (error) {
      const known = error instanceof SiloError;
      finish(
        known ? error : unavailable(`the connection broke: ${toSiloError(error).message}`, { cause: error }),
      );
      transport.destroy();
    }
  })();

  return {
    open(words) {
      if (isOver) throw unavailable('the connection was closed', { code: 'channel-closed' });
      const number = next;
      next += 2;
      send('open', number, Buffer.from(JSON.stringify(words)));
      return create(number).duplex;
    },
    ended: closed.promise,
    close() {
      finish(undefined);
      transport.end();
    },
  };
}

function parseWords(payload: Buffer): unknown {
  try {
    return JSON.parse(payload.toString('utf8'));
  } catch {
    throw broken('words that are no JSON');
  }
}

function formatReset({ kind, code, message, hint }: SiloError): Buffer {
  const words = Buffer.from(JSON.stringify({ kind, code, message: message.slice(0, 4000), hint }));
  return words.length <= mostWordsBytes
    ? words
    : Buffer.from(JSON.stringify({ kind, code, message: message.slice(0, 1000) }));
}

function parseReset(payload: Buffer): SiloError {
  try {
    return errorOfJson(JSON.parse(payload.toString('utf8')));
  } catch {
    return errorOfJson(undefined);
  }
}
