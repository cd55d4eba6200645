import type { AttachRequest, ContainerRecord } from '../../../../engine/container/container.ts';
import type { Engine } from '../../../../engine/host/engine.ts';
import { isKind } from '../../../../foundation/base/errors.ts';
import type { Exchange } from '../../../../foundation/http/http.ts';
import { type Answer, answered } from '../../call.ts';

/** Parks or connects, until the container or the client has ended; then ends the streams. */
export async function attachUntilEnd(
  { streams }: { streams: Pick<Engine['streams'], 'attach'> },
  { id, request }: { id: ContainerRecord['id']; request: AttachRequest },
  client: { exchange: Exchange; end(): void },
): Promise<Answer> {
  try {
    await streams.attach(id, request);
  } catch (error) {
    // After the head a failure can only end the stream; the exit code tells the rest.
    if (!client.exchange.answered || !isKind(error, 'canceled')) throw error;
  }
  client.end();
  return answered;
}
