import type { IncomingMessage, Server } from 'node:http';
import type { Socket } from 'node:net';

interface Movement {
  /** Bytes that came or left past the socket's own count. */
  bytes: number;
  /** All that had moved when it was looked at last. */
  seen: number;
}

const movements = new WeakMap<Socket, Movement>();

function movementOf(socket: Socket): Movement {
  let movement = movements.get(socket);
  if (movement === undefined) movements.set(socket, (movement = { bytes: 0, seen: 0 }));
  return movement;
}

/** For bytes that pass the socket by. */
export function noteMoved(socket: Socket, bytes: number): void {
  movementOf(socket).bytes += bytes;
}

/**
 * Cuts connections on which nothing moves either way for `idleMs`, or nearly twice that. The server's own timer runs from the beginning of a request,
 * whatever its body and its answer do: when it fires, it is asked what moved since.
 */
export function cutIdle(server: Server, idleMs: number): void {
  server.timeout = idleMs;
  server.on('request', countBody);
  server.on('timeout', (socket: Socket) => {
    const movement = movementOf(socket);
    const moved = movement.bytes + socket.bytesWritten;
    if (moved === movement.seen) return void socket.destroy();
    movement.seen = moved;
    socket.setTimeout(idleMs);
  });
}

/** Bytes of bodies are counted where the parser hands them over: nobody else is told, and a listener for them would make them flow. */
function countBody(request: IncomingMessage): void {
  const { socket } = request;
  const push = request.push.bind(request);
  request.push = (chunk: unknown, encoding?: BufferEncoding): boolean => {
    if (chunk instanceof Uint8Array) noteMoved(socket, chunk.byteLength);
    return push(chunk, encoding);
  };
}
