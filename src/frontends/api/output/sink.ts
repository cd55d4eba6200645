import type { OutputSink } from '../../../engine/container/container.ts';
import type { Outgoing } from '../../../foundation/http/http.ts';
import { encodeFrame } from '../../../foundation/wire/raw-stream.ts';

/** Output of a process towards a client: raw for terminals, otherwise one frame per piece. */
export function createSink(output: Outgoing, framed: boolean): OutputSink {
  return {
    write: (stream, chunk) => output.write(framed ? encodeFrame(stream, chunk) : chunk),
    drained: () => output.drained(),
  };
}
