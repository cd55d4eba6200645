import { PassThrough, pipeline } from 'node:stream';
import type { OutputSink } from '../../../engine/container/container.ts';
import type { Connection, Exchange, Outgoing } from '../../../foundation/http/http.ts';
import { since } from '../versions.ts';
import { createSink } from './sink.ts';

const rawType = 'application/vnd.docker.raw-stream';
const multiplexedType = 'application/vnd.docker.multiplexed-stream';

/** The content type that says whether output is framed; older clients know only the raw one and ask inspect. */
export function streamType(minor: number, framed: boolean): string {
  return framed && minor >= since.multiplexedType ? multiplexedType : rawType;
}

/**
 * A connection that is taken over no sooner than needed, so that a failure before is an ordinary error answer: by `open`, or by the first output.
 */
export interface HijackedStreams {
  /** What the client sends; destroyed when it leaves. */
  readonly stdin: PassThrough;
  readonly sink: OutputSink;
  open(): Outgoing;
  /** Ends our direction once everything is written; what the client still sends is discarded. */
  end(): void;
}

export function createHijackedStreams(
  exchange: Exchange,
  options: { minor: number; framed: boolean; stdin: boolean },
): HijackedStreams {
  const stdin = new PassThrough();
  let connection: Connection | undefined;
  let sink: OutputSink | undefined;
  const take = (): Connection => {
    if (connection) return connection;
    connection = exchange.hijack(streamType(options.minor, options.framed));
    sink = createSink(connection.output, options.framed);
    // A premature end shows as the destruction of `stdin`, which its reader sees.
    if (options.stdin) pipeline(connection.input, stdin, () => undefined);
    else connection.input.resume();
    return connection;
  };
  const opened = (): OutputSink => {
    take();
    return sink ?? createSink(take().output, options.framed);
  };
  return {
    stdin,
    sink: {
      write: (stream, chunk) => opened().write(stream, chunk),
      drained: () => opened().drained(),
    },
    open: () => take().output,
    end() {
      take().output.end();
      stdin.destroy();
    },
  };
}
