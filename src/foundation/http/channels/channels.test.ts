import { expect, test } from 'bun:test';
import { once } from 'node:events';
import { PassThrough, type Duplex } from 'node:stream';
import { invalid, toSiloError } from '../../base/errors.ts';
import { windowBytes } from './channel.ts';
import { type Channels, mostChannels, openChannels } from './channels.ts';
import { formatFrame } from './frame.ts';

interface Side {
  channels: Channels;
  opened: { words: unknown; channel: Duplex }[];
}

/** Two sides of one connection in memory, or one side and what it is sent by hand. */
function connect(onOpen: (words: unknown, channel: Duplex) => void = () => undefined) {
  const [there, back] = [new PassThrough(), new PassThrough()];
  const side = (name: 'client' | 'server', input: PassThrough, output: PassThrough): Side => {
    const opened: Side['opened'] = [];
    const channels = openChannels(
      {
        input,
        write: (bytes) => output.destroyed || output.write(bytes),
        drained: async () => void (output.writableNeedDrain && (await once(output, 'drain'))),
        end: () => output.end(),
        destroy: () => output.destroy(),
      },
      {
        side: name,
        onOpen(words, channel) {
          onOpen(words, channel);
          opened.push({ words, channel });
        },
      },
    );
    return { channels, opened };
  };
  return { there, back, side };
}

function pair(onOpen?: (words: unknown, channel: Duplex) => void): [client: Side, server: Side] {
  const { there, back, side } = connect(onOpen);
  return [side('client', back, there), side('server', there, back)];
}

async function whole(channel: Duplex): Promise<Buffer> {
  const pieces: Buffer[] = [];
  for await (const piece of channel as AsyncIterable<Buffer>) pieces.push(piece);
  return Buffer.concat(pieces);
}

const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));
async function until(holds: () => boolean): Promise<void> {
  while (!holds()) await turn();
}

test('channels of both sides carry bytes both ways, each with its own ends', async () => {
  const [client, server] = pair((_, channel) => void channel.pipe(channel));
  const big = Buffer.alloc(3 * windowBytes + 7, 'abc');
  const [one, two] = [client.channels.open({ a: 1 }), server.channels.open('words')];
  one.end(big);
  two.end('small');
  expect((await whole(one)).equals(big)).toBe(true);
  expect(String(await whole(two))).toBe('small');
  expect(server.opened[0]?.words).toEqual({ a: 1 });
  expect(client.opened[0]?.words).toBe('words');
  client.channels.close();
  expect(await server.channels.ended).toBeUndefined();
});

test('who does not read stops its own channel after a window, and no other', async () => {
  const [client, server] = pair();
  const slow = client.channels.open('slow');
  let written = 0;
  const fill = (async () => {
    for (let i = 0; i < 64; i++) {
      if (!slow.write(Buffer.alloc(1 << 16))) await once(slow, 'drain');
      written++;
    }
    slow.end();
  })();
  const quick = client.channels.open('quick');
  quick.end('here');
  await until(() => server.opened.length === 2);
  expect(String(await whole(server.opened[1]?.channel as Duplex))).toBe('here');
  for (let i = 0; i < 20; i++) await turn();
  expect(written).toBeLessThan(64);
  expect((await whole(server.opened[0]?.channel as Duplex)).length).toBe(64 << 16);
  await fill;
});

test('what a side said before it closed the connection is read to its end, however much waits and however late', async () => {
  const { there, back, side } = connect();
  const client = side('client', back, there);
  const channel = client.channels.open('build');
  const said = Buffer.alloc(10 * (1 << 16), 'event\n');
  for (let at = 0; at < said.length; at += 1 << 16)
    back.write(formatFrame('data', 1, said.subarray(at, at + (1 << 16))));
  back.write(formatFrame('end', 1));
  back.end();
  expect(await client.channels.ended).toBeUndefined();
  expect((await whole(channel)).equals(said)).toBe(true);
});

test('a channel of which the end is missing fails when the connection closes', async () => {
  const { there, back, side } = connect();
  const client = side('client', back, there);
  const failed = once(client.channels.open('build'), 'error');
  back.write(formatFrame('data', 1, Buffer.alloc(1 << 16)));
  back.end();
  expect(toSiloError((await failed)[0]).code).toBe('channel-closed');
});

test('an error of one side is the error of the other, in the same words', async () => {
  const [client] = pair((words) => {
    if (words === 'bad') throw invalid('no such thing', { code: 'nothing', hint: 'ask for another' });
  });
  const error = await once(client.channels.open('bad'), 'error').then(([each]) => toSiloError(each));
  expect(error).toMatchObject({
    kind: 'invalid',
    code: 'nothing',
    message: 'no such thing',
    hint: 'ask for another',
  });
});

test('a connection that breaks fails all channels and what is opened later', async () => {
  const { there, back, side } = connect();
  const { channels } = side('client', back, there);
  const channel = channels.open('x');
  const failed = once(channel, 'error');
  back.destroy(new Error('cut'));
  expect(toSiloError((await failed)[0]).kind).toBe('unavailable');
  expect((await channels.ended)?.kind).toBe('unavailable');
  expect(() => channels.open('y')).toThrow('closed');
});

const words = Buffer.from('"x"');
const hostile: [what: string, frames: Buffer[]][] = [
  ['data without bytes', [formatFrame('open', 1, words), formatFrame('data', 1)]],
  [
    'openings that are refused without end',
    Array.from({ length: 2 * mostChannels + 1 }, (_, index) => formatFrame('open', 2 * index + 1, words)),
  ],
  ['a frame of an unknown kind', [Buffer.from([9, 0, 0, 0, 0, 0, 0, 1])]],
  ['data of 16 MiB', [Buffer.from([1, 255, 255, 255, 0, 0, 0, 1])]],
  ['an even number from a client', [formatFrame('open', 2, words)]],
  ['a number twice', [formatFrame('open', 3, words), formatFrame('open', 3, words)]],
  ['a number that falls', [formatFrame('open', 5, words), formatFrame('open', 3, words)]],
  ['data of a channel that never was', [formatFrame('data', 7, words)]],
  ['data of our channel that never was', [formatFrame('data', 8, words)]],
  [
    'data behind the end',
    [formatFrame('open', 1, words), formatFrame('end', 1), formatFrame('data', 1, words)],
  ],
  [
    'endless credit',
    [formatFrame('open', 1, words), formatFrame('credit', 1, Buffer.from([255, 255, 255, 255]))],
  ],
  ['short credit', [formatFrame('open', 1, words), formatFrame('credit', 1, Buffer.from([1]))]],
  [
    'more than the window',
    [
      formatFrame('open', 1, words),
      ...Array.from({ length: 17 }, () => formatFrame('data', 1, Buffer.alloc(1 << 16))),
    ],
  ],
];
for (const [what, frames] of hostile)
  test(`a peer that sends ${what} is cut off`, async () => {
    const { there, back, side } = connect();
    const { channels } = side('server', there, back);
    for (const frame of frames) there.write(frame);
    expect(await channels.ended).toMatchObject({ kind: 'corrupt', code: 'bad-channel-frame' });
    expect(back.destroyed).toBe(true);
  });

test('words that are no JSON and channels beyond the limit are refused, the rest goes on', async () => {
  const { there, back, side } = connect();
  const { opened } = side('server', there, back);
  there.write(formatFrame('open', 1, Buffer.from('{')));
  for (let i = 1; i <= mostChannels + 5; i++) there.write(formatFrame('open', 2 * i + 1, words));
  await until(() => opened.length === mostChannels);
  for (let i = 0; i < 10; i++) await turn();
  expect(opened).toHaveLength(mostChannels);
});
