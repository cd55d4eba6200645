import type { IncomingMessage, Server } from 'node:http';
import type { Socket } from 'node:net';

export interface HeadLimit {
  /** Before the server is told of the connection. */
  watch(socket: Socket): void;
}

/**
 * Cuts a connection whose client takes longer for the head of a request, counted from its first byte. A client that says nothing between two requests may take its time, and so may bodies
 * and answers. For connections that a server is handed: it limits those that it accepts itself.
 */
export function limitHeads(server: Server, limitMs: number): HeadLimit {
  const watched = new WeakMap<Socket, Watched>();
  server.on('request', (request, response) => {
    const watch = watched.get(request.socket);
    watch?.begin(request);
    response.once('close', () => watch?.end());
  });
  server.on('upgrade', (_request, socket: Socket) => watched.get(socket)?.stop());
  return { watch: (socket) => void watched.set(socket, watchOne(socket, limitMs)) };
}

interface Watched {
  begin(request: IncomingMessage): void;
  /** A request is answered. */
  end(): void;
  /** The connection speaks another protocol from now on. */
  stop(): void;
}

function watchOne(socket: Socket, limitMs: number): Watched {
  let timer: NodeJS.Timeout | undefined;
  let latest: IncomingMessage | undefined;
  let unanswered = 0;
  const calm = (): void => {
    clearTimeout(timer);
    timer = undefined;
  };
  const onData = (): void => {
    // The rest of a body may come behind the answer.
    if (timer !== undefined || unanswered > 0 || latest?.complete === false) return;
    timer = setTimeout(() => socket.destroy(), limitMs);
  };
  socket.on('data', onData).once('close', calm);
  return {
    begin(request) {
      calm();
      latest = request;
      unanswered++;
    },
    end: () => void unanswered--,
    stop() {
      calm();
      socket.off('data', onData);
    },
  };
}
