import { afterEach, expect, test } from 'bun:test';
import { createSocket, type Socket } from 'node:dgram';
import { createServer, type Server } from 'node:net';
import * as dns from 'dns-packet';
import { createForwarder, type Forwarder } from './forwarder.ts';
import { createFrameReader, frame } from './tcp-frames.ts';

type Behaviour = (query: dns.DecodedPacket, send: (bytes: Uint8Array) => void) => void;

const open: { close(): void }[] = [];
afterEach(() => {
  for (const one of open.splice(0)) one.close();
});

/** A server at 127.0.0.N of one port, which the first call chooses. */
async function server(host: string, port: number, behave: Behaviour): Promise<number> {
  const socket: Socket = createSocket('udp4');
  socket.on('message', (bytes, from) =>
    behave(dns.decode(bytes), (answer) => socket.send(answer, from.port, from.address)),
  );
  await new Promise<void>((resolve) => socket.bind(port, host, resolve));
  open.push(socket);
  return socket.address().port;
}

const query = dns.encode({ type: 'query', id: 99, questions: [{ type: 'A', name: 'www.example.org' }] });
const answerOf = (asked: dns.DecodedPacket, address: string, flags = 0): Buffer =>
  dns.encode({
    type: 'response',
    id: asked.id ?? 0,
    flags,
    questions: asked.questions ?? [],
    answers: flags === 0 ? [{ type: 'A', name: 'www.example.org', data: address }] : [],
  });
const forwarder = (port: number): Forwarder => {
  const made = createForwarder({ port, attemptsMs: [200, 400] });
  open.push({ close: () => made[Symbol.dispose]() });
  return made;
};
const addressIn = (bytes: Uint8Array | undefined): unknown => {
  const [answer] = (bytes && dns.decode(Buffer.from(bytes)).answers) ?? [];
  return answer && 'data' in answer ? answer.data : undefined;
};

test('an answer comes back with the id of the question, and asked with another one', async () => {
  const ids: number[] = [];
  const port = await server('127.0.0.1', 0, (asked, send) => {
    ids.push(asked.id ?? 0);
    send(answerOf(asked, '192.0.2.7'));
  });
  const made = forwarder(port);
  const first = await made.ask(query, ['127.0.0.1'], 'udp');
  await made.ask(query, ['127.0.0.1'], 'udp');
  expect(addressIn(first)).toBe('192.0.2.7');
  expect(first && Buffer.from(first).readUInt16BE(0)).toBe(99);
  expect(new Set([...ids, 99]).size).toBe(3);
});

test('a server that fails or is silent does not keep the other one from answering', async () => {
  const port = await server('127.0.0.1', 0, (asked, send) => send(answerOf(asked, '192.0.2.7')));
  await server('127.0.0.2', port, (asked, send) => send(answerOf(asked, '', 2)));
  await server('127.0.0.3', port, () => undefined);
  const servers = ['127.0.0.2', '127.0.0.3', '127.0.0.4', '127.0.0.1'];
  expect(addressIn(await forwarder(port).ask(query, servers, 'udp'))).toBe('192.0.2.7');
});

test('a question that was lost is asked again', async () => {
  let seen = 0;
  const port = await server('127.0.0.1', 0, (asked, send) => {
    if (++seen > 1) send(answerOf(asked, '192.0.2.7'));
  });
  expect(addressIn(await forwarder(port).ask(query, ['127.0.0.1'], 'udp'))).toBe('192.0.2.7');
});

test('after silence a server is asked from another port', async () => {
  const ports = new Set<number>();
  const socket: Socket = createSocket('udp4');
  socket.on('message', (_, from) => ports.add(from.port));
  await new Promise<void>((resolve) => socket.bind(0, '127.0.0.1', resolve));
  open.push(socket);
  const made = createForwarder({ port: socket.address().port, attemptsMs: [20, 20], silentSocketMs: 0 });
  open.push({ close: () => made[Symbol.dispose]() });
  await made.ask(query, ['127.0.0.1'], 'udp');
  expect(ports.size).toBe(2);
});

test('nobody answers: nothing comes, in bounded time', async () => {
  const port = await server('127.0.0.1', 0, () => undefined);
  expect(await forwarder(port).ask(query, ['127.0.0.1'], 'udp')).toBeUndefined();
  expect(await forwarder(port).ask(query, [], 'udp')).toBeUndefined();
});

test('an answer to another question, of another id, or that is no answer, is not believed', async () => {
  const port = await server('127.0.0.1', 0, (asked, send) => {
    send(answerOf({ ...asked, questions: [{ type: 'A', name: 'evil.example.org' }] }, '192.0.2.66'));
    send(answerOf({ ...asked, id: ((asked.id ?? 0) + 1) % 65_536 }, '192.0.2.66'));
    send(Buffer.from('no packet at all'));
    send(dns.encode({ type: 'query', id: asked.id ?? 0, questions: asked.questions ?? [] }));
    send(answerOf(asked, '192.0.2.7'));
  });
  expect(addressIn(await forwarder(port).ask(query, ['127.0.0.1'], 'udp'))).toBe('192.0.2.7');
});

test('questions over TCP are asked over TCP, and answers to others are not believed', async () => {
  const listener: Server = createServer((socket) => {
    const reader = createFrameReader({
      message(message) {
        const asked = dns.decode(Buffer.from(message));
        socket.write(frame(answerOf({ ...asked, id: ((asked.id ?? 0) + 1) % 65_536 }, '192.0.2.66')));
        socket.write(frame(answerOf(asked, '192.0.2.8')));
      },
    });
    socket.on('data', (bytes: Buffer) => {
      // In pieces, as a network may deliver it.
      for (const byte of bytes) reader.push(Uint8Array.of(byte));
    });
  });
  await new Promise<void>((resolve) => listener.listen(0, '127.0.0.1', resolve));
  open.push(listener);
  const { port } = listener.address() as { port: number };
  expect(addressIn(await forwarder(port).ask(query, ['127.0.0.1'], 'tcp'))).toBe('192.0.2.8');
});
