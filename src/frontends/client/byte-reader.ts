import type { Readable } from 'node:stream';

/** Pulls chunks from a socket one at a time, so that nothing is read before somebody wants it. */
export interface ByteReader {
  /** The next chunk, undefined at the end; throws what the socket failed with. */
  read(): Promise<Buffer | undefined>;
  /** Puts bytes back in front. */
  unread(chunk: Buffer): void;
  /** Whether bytes wait, or the peer has closed: such a connection must not be used again. */
  isQuiet(): boolean;
}

export function createByteReader(source: Readable): ByteReader {
  let front: Buffer | undefined;
  let failure: Error | undefined;
  let ended = false;
  let wake: (() => void) | undefined;

  const notify = (): void => {
    wake?.();
    wake = undefined;
  };
  source.on('readable', notify);
  source.on('end', () => {
    ended = true;
    notify();
  });
  source.on('close', () => {
    ended = true;
    notify();
  });
  source.on('error', (error) => {
    failure = error;
    notify();
  });

  const take = (): Buffer | undefined => {
    if (front === undefined) return (source.read() as Buffer | null) ?? undefined;
    const chunk = front;
    front = undefined;
    return chunk;
  };

  return {
    async read() {
      for (;;) {
        const chunk = take();
        if (chunk !== undefined) return chunk;
        if (failure !== undefined) throw failure;
        if (ended) return undefined;
        await new Promise<void>((resolve) => {
          wake = resolve;
        });
      }
    },
    unread(chunk) {
      if (chunk.length > 0) front = front === undefined ? chunk : Buffer.concat([chunk, front]);
    },
    isQuiet: () => front === undefined && failure === undefined && !ended && source.readableLength === 0,
  };
}
