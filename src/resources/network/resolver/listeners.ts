import { fstatSync } from 'node:fs';
import { unavailable } from '../../../foundation/base/errors.ts';
import { closeDescriptor } from '../../../foundation/kernel/at.ts';
import { openNamespace } from '../../../foundation/kernel/namespace.ts';
import { listenDatagrams, listenStreams } from '../../../foundation/kernel/namespace-sockets.ts';
import { watchPid } from '../../../foundation/kernel/pidfd.ts';
import type { Reactor } from '../../../foundation/kernel/reactor.ts';
import type { Questions } from './questions.ts';
import { resolverAddress, resolverPort, type ResolverContainer } from './resolver.ts';
import { largestQueryBytes } from './answer.ts';
import { createFrameReader, frame, type FrameReader } from './tcp-frames.ts';

/** A connection that asks nothing for so long is closed (RFC 7766, 6.2.3 wants a few seconds at least). */
const idleSeconds = 10;
/** Of one container at a time: each takes a descriptor of the process that all share. */
const mostConnections = 64;
/** Of one connection, whose client does not read: two of the longest answers. */
const mostUnsentBytes = 128 * 1024;

export interface Listeners extends Disposable {
  /** Of the container that they were opened for: another run needs others. */
  readonly pid: number;
  readonly namespace: number;
}

/** Listens inside the container's network namespace until disposed; `onEnd` is called when its process ends before that. */
export async function listenInside(
  { pid, namespace }: Pick<ResolverContainer, 'pid' | 'namespace'>,
  questions: Questions,
  { reactor, onEnd }: { reactor: Reactor; onEnd: () => void },
): Promise<Listeners> {
  using undo = new DisposableStack();
  const watch = watchPid(reactor, pid, onEnd);
  if (!watch) throw gone(pid);
  undo.use(watch);
  const namespaceFd = openNamespace(pid, 'net');
  try {
    if (fstatSync(namespaceFd).ino !== namespace) throw gone(pid);
    const place = { namespaceFd, address: resolverAddress, port: resolverPort };
    undo.use(
      listenStreams<FrameReader>(
        place,
        { idleSeconds, mostConnections, mostUnsentBytes },
        {
          open: (write, end) =>
            createFrameReader(
              {
                message: (message) => questions.answer(message, 'tcp', (bytes) => write(frame(bytes))),
                tooLong: end,
              },
              { largestBytes: largestQueryBytes },
            ),
          data: (reader, bytes) => reader.push(bytes),
          close: () => undefined,
        },
      ),
    );
    const datagrams = undo.use(
      await listenDatagrams(place, (bytes, port, address) =>
        questions.answer(bytes, 'udp', (answer) => datagrams.send(answer, port, address)),
      ),
    );
  } finally {
    closeDescriptor(namespaceFd);
  }
  const owned = undo.move();
  return { pid, namespace, [Symbol.dispose]: () => owned.dispose() };
}

function gone(pid: number): Error {
  return unavailable(`process ${pid} has ended, or is another one`, { code: 'process-gone' });
}
