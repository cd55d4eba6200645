import { closeDescriptor } from '../at.ts';
import { declare, EINTR, fail, lastErrno, stableBytes } from '../libc.ts';
import { inNetworkNamespace } from '../namespace.ts';
import {
  decodeAttributes,
  decodeMessages,
  encodeMessage,
  headerBytes,
  NLM_F_ACK,
  NLM_F_DUMP,
  NLM_F_REQUEST,
  textOf,
  type Message,
  type Request,
} from './message.ts';
import { choosePort, openSocket, tryOption } from './open.ts';

const c = {
  send: declare<[number, Uint8Array, number, number]>('send', 'int64', ['int', 'void*', 'size_t', 'int']),
  recv: declare<[number, Uint8Array, number, number]>('recv', 'int64', ['int', 'void*', 'size_t', 'int']),
};
const NETLINK_ROUTE = 0;
const NETLINK_NETFILTER = 12;
const SOL_NETLINK = 270;
const NETLINK_CAP_ACK = 10;
const NETLINK_EXT_ACK = 11;
const NETLINK_GET_STRICT_CHK = 12;
const NLMSG_ERROR = 2;
const NLMSG_DONE = 3;
const NLM_F_DUMP_INTR = 0x10;
const NLM_F_ACK_TLVS = 0x200;
const NLMSGERR_ATTR_MSG = 1;
const MSG_DONTWAIT = 0x40;
const EPROTO = 71;
const receiveBytes = 65_536;
const maximumDumpAttempts = 20;

/**
 * A rtnetlink(7) socket. The kernel works while it receives the request and its answers lie ready when sending returns, so calls
 * are synchronous; what is known to take long (deleting a link) has an asynchronous form that works on the thread pool.
 * A socket stays bound to the network namespace in which it was opened.
 */
export interface RouteSocket extends Disposable {
  /**
   * Carries out the requests in order, in one packet. The kernel goes on after a failed one: the first failure is thrown when all were
   * tried, with the kernel's own explanation.
   */
  execute(requests: readonly Request[]): void;
  /** As `execute`, on the thread pool, one call after the other. The synchronous calls may be used meanwhile, but wait in the kernel for its lock. */
  executeAsync(requests: readonly Request[]): Promise<void>;
  /** Number of the socket behind `executeAsync` (netlink(7)); to be asked before that is used. */
  asyncPort(): number;
  /** One request with one answer. */
  ask(request: Request): Message;
  /** All objects that match the request. */
  dump(request: Request): Message[];
}

/** `namespaceFd` from `openNamespace(pid, 'net')` or an opened file of a bound namespace; it may be closed afterwards. */
export function openRouteSocket(options: { namespaceFd?: number } = {}): RouteSocket {
  return openNetlink(NETLINK_ROUTE, options);
}

/** The same for nfnetlink (subsystems of netfilter, for example connection tracking). */
export function openNetfilterSocket(options: { namespaceFd?: number } = {}): RouteSocket {
  return openNetlink(NETLINK_NETFILTER, options);
}

function openNetlink(protocol: number, options: { namespaceFd?: number }): RouteSocket {
  using undo = new DisposableStack();
  const direct = openChannel(protocol, options.namespaceFd, undo);
  const background = openChannel(protocol, options.namespaceFd, undo);
  const owned = undo.move();
  let tail: Promise<unknown> = Promise.resolve();
  let port: number | undefined;

  const transact = (requests: readonly Request[], flags: number): Message[] => {
    const { packet, first } = direct.encode(requests, flags);
    checkSent(() => c.send(direct.fd, packet, packet.length, 0));
    return collect(direct, requests, first, flags);
  };
  const transactAsync = async (requests: readonly Request[]): Promise<void> => {
    const { packet, first } = background.encode(requests, NLM_F_ACK);
    const held = stableBytes(packet.length);
    packet.copy(held);
    const { result, errno } = await c.send.async(background.fd, held, held.length, 0);
    if (result < 0) fail(errno, 'send (netlink)');
    collect(background, requests, first, NLM_F_ACK);
  };

  return {
    execute(requests) {
      if (requests.length > 0) transact(requests, NLM_F_ACK);
    },
    executeAsync(requests) {
      if (requests.length === 0) return Promise.resolve();
      const work = tail.then(() => transactAsync(requests));
      tail = work.catch(() => undefined);
      return work;
    },
    asyncPort: () => (port ??= choosePort(background.fd)),
    ask(request) {
      const [answer] = transact([request], 0);
      return answer ?? fail(EPROTO, request.call, request.about);
    },
    dump(request) {
      for (let attempt = 1; ; attempt++) {
        const messages = transact([request], NLM_F_DUMP);
        // A change passed during the dump, which may then miss something.
        if (attempt >= maximumDumpAttempts || !messages.some(({ flags }) => flags & NLM_F_DUMP_INTR))
          return messages;
      }
    },
    [Symbol.dispose]: () => owned.dispose(),
  };
}

interface Channel {
  fd: number;
  encode(requests: readonly Request[], flags: number): { packet: Buffer; first: number };
  receive(): Buffer;
}

function openChannel(protocol: number, namespaceFd: number | undefined, owner: DisposableStack): Channel {
  const create = (): number => openSocket(protocol);
  const fd = namespaceFd === undefined ? create() : inNetworkNamespace(namespaceFd, create);
  owner.defer(() => closeDescriptor(fd));
  for (const option of [NETLINK_CAP_ACK, NETLINK_EXT_ACK, NETLINK_GET_STRICT_CHK])
    tryOption(fd, SOL_NETLINK, option, 1);
  const buffer = Buffer.alloc(receiveBytes);
  let sequence = 0;
  return {
    fd,
    encode(requests, flags) {
      const first = sequence + 1;
      const messages = requests.map((request) =>
        encodeMessage(request, NLM_F_REQUEST | (request.isUnanswered ? 0 : flags), ++sequence),
      );
      return { packet: Buffer.concat(messages), first };
    },
    receive: () => receive(fd, buffer),
  };
}

/** Reads until every request was answered; answers to earlier requests (of a call that failed half-way) are skipped. */
function collect(channel: Channel, requests: readonly Request[], first: number, flags: number): Message[] {
  const answers: Message[] = [];
  const failures: (() => never)[] = [];
  for (let open = requests.filter(({ isUnanswered }) => !isUnanswered).length; open > 0;) {
    for (const message of decodeMessages(channel.receive())) {
      const request = requests[message.sequence - first];
      if (!request) continue;
      if (message.type === NLMSG_ERROR || message.type === NLMSG_DONE) {
        if (!request.isUnanswered) open--;
        const errno = message.body.length >= 4 ? -message.body.readInt32LE(0) : 0;
        if (errno > 0) failures.push(() => fail(errno, request.call, request.about, explanation(message)));
      } else {
        answers.push({ ...message, body: Buffer.from(message.body) });
        if (flags === 0) open--;
      }
    }
  }
  failures[0]?.();
  return answers;
}

/** The text of an extended acknowledgement. With `NETLINK_CAP_ACK` only the header of our request precedes it. */
function explanation(message: Message): string {
  if ((message.flags & NLM_F_ACK_TLVS) === 0) return '';
  const skipped = message.type === NLMSG_DONE ? 4 : 4 + headerBytes;
  return textOf(decodeAttributes(message.body.subarray(skipped)).get(NLMSGERR_ATTR_MSG)) ?? '';
}

function checkSent(send: () => number): void {
  while (send() < 0) {
    const errno = lastErrno();
    if (errno !== EINTR) fail(errno, 'send (netlink)');
  }
}

function receive(fd: number, buffer: Buffer): Buffer {
  for (;;) {
    const length = c.recv(fd, buffer, buffer.length, MSG_DONTWAIT);
    if (length >= 0) return buffer.subarray(0, length);
    const errno = lastErrno();
    if (errno !== EINTR) return fail(errno, 'recv (netlink)');
  }
}
