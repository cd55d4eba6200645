import type { Readable, Writable } from 'node:stream';
import { finished } from 'node:stream/promises';
import { openSocket, type TlsOptions } from './connection.ts';
import { parseHost } from './host.ts';

/** Joins a fresh connection to the engine with two streams, until the engine closes it. The end of `input` closes that direction only. */
export async function relay(
  host: string,
  { tls, input, output }: { tls: TlsOptions | undefined; input: Readable; output: Writable },
): Promise<void> {
  const socket = await openSocket(parseHost(host), tls, undefined);
  input.pipe(socket);
  socket.pipe(output, { end: false });
  await finished(socket, { writable: false });
}
