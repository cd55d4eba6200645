import assert from 'node:assert/strict';
import { SiloError } from '../../../foundation/base/errors.ts';
import type { Client } from '../client.ts';
import { createClient } from '../create-client.ts';
import { daemonStatus } from '../errors.ts';
import { demultiplex } from '../stream-connection.ts';
import { startTestServer } from './server.ts';
import type { TestServer } from './server.ts';

/** What must hold on every runtime; `client.test.ts` runs it on Bun and, bundled, on Node. */
export const checks: Record<string, (client: Client, server: TestServer) => Promise<void>> = {
  'the version is negotiated once, and connections are reused': async (client, server) => {
    await client.system.version();
    await client.system.version();
    assert.deepEqual(server.requests, ['GET /_ping', 'GET /v1.47/version', 'GET /v1.47/version']);
    assert.equal(server.connections(), 1);
  },
  'an error has the kind of its status and the message of the daemon': async (client) => {
    const error = await failureOf(client.containers.inspect('gone'));
    assert.equal(error.kind, 'not-found');
    assert.equal(error.message, 'No such container: gone');
    assert.equal(daemonStatus(error), 404);
  },
  "an error keeps the daemon's hint, and 304 is not-modified": async (client) => {
    assert.equal((await failureOf(client.containers.start('hint'))).hint, 'choose another');
    assert.equal((await failureOf(client.containers.start('done'))).kind, 'not-modified');
  },
  'an answer that is not JSON becomes the message': async (client) => {
    assert.match((await failureOf(client.containers.inspect('html'))).message, /bad gateway/);
  },
  'a connection that breaks in the middle of an answer is told': async (client) => {
    const error = await failureOf(client.containers.inspect('broken'));
    assert.equal(error.kind, 'unavailable');
    assert.match(error.message, /lost the connection/);
  },
  'nobody listening is told with the host': async () => {
    using client = createClient({ host: 'unix:///nonexistent/silo.sock' });
    const error = await failureOf(client.system.version());
    assert.equal(error.code, 'daemon-unreachable');
    assert.match(error.message, /unix:\/\/\/nonexistent\/silo.sock/);
  },
  'wait resolves when it is parked and its exit when it ended': async (client, server) => {
    const { exit } = await client.containers.wait('slow');
    server.finish();
    assert.equal((await exit).StatusCode, 3);
  },
  'attach carries both directions, half-close, and output after it': async (client) => {
    using connection = await client.containers.attach('framed', { stdin: true, stdout: true, stderr: true });
    assert.equal(connection.multiplexed, true);
    connection.input.write('ping');
    connection.input.end();
    const output = { stdin: '', stdout: '', stderr: '' };
    await connection.demultiplex((name, piece) => {
      output[name] += Buffer.from(piece).toString();
      return undefined;
    });
    assert.deepEqual(output, { stdin: '', stdout: 'hello ping', stderr: 'bye' });
  },
  "a terminal's bytes come as they are": async (client) => {
    using connection = await client.containers.attach('raw', { stdin: true, stdout: true });
    connection.input.end('x');
    const chunks: Buffer[] = [];
    for await (const chunk of connection.output()) chunks.push(chunk);
    assert.equal(Buffer.concat(chunks).toString(), 'hello xbye');
  },
  'exec start sends its body and becomes a stream': async (client) => {
    using connection = await client.execs.attach('raw', { Tty: true });
    connection.input.end();
    const chunks: Buffer[] = [];
    for await (const chunk of connection.output()) chunks.push(chunk);
    assert.match(Buffer.concat(chunks).toString(), /^hello .*bye$/s);
  },
  'a megabyte goes both ways through an attached stream': async (client) => {
    using connection = await client.containers.attach('raw', { stdin: true, stdout: true });
    connection.input.write(Buffer.alloc(1 << 20, 'a'));
    connection.input.end();
    let size = 0;
    for await (const chunk of connection.output()) size += chunk.length;
    assert.equal(size, (1 << 20) + 'hello bye'.length);
  },
  "a refused upgrade is an error with the daemon's message": async (client) => {
    const error = await failureOf(client.containers.attach('refused'));
    assert.equal(error.kind, 'conflict');
    assert.equal(error.message, 'is paused');
  },
  'logs are split into the two streams': async (client) => {
    const logs = await client.containers.logs('talk', { stdout: true, stderr: true });
    const output: string[] = [];
    await demultiplex(logs.body, (name, piece) => {
      output.push(`${name}:${Buffer.from(piece).toString()}`);
      return undefined;
    });
    assert.deepEqual(output, ['stdout:out', 'stderr:err']);
  },
  'messages cut anywhere are put together, and an error message is thrown': async (client) => {
    const seen: (string | undefined)[] = [];
    const error = await failureOf(
      (async () => {
        for await (const message of client.images.pull({ name: 'busybox' })) seen.push(message.status);
      })(),
    );
    assert.deepEqual(seen, ['Pulling', 'Done']);
    assert.equal(error.message, 'no space');
  },
  'an archive is uploaded in pieces': async (client) => {
    async function* archive(): AsyncGenerator<Uint8Array> {
      for (let piece = 0; piece < 40; piece++) yield Buffer.alloc(100_000);
    }
    const streams: (string | undefined)[] = [];
    for await (const message of client.images.load(archive())) streams.push(message.stream);
    assert.deepEqual(streams, ['4000000 bytes']);
  },
  'an event has its exact time, and leaving the stream closes the connection': async (client, server) => {
    for await (const event of await client.system.events()) {
      assert.equal(event.timeNs, 1758888888123456789n);
      break;
    }
    await server.hungUp;
  },
  'a signal ends a call that waits': async (client) => {
    const abort = new AbortController();
    const { exit } = await client.containers.wait('slow', { signal: abort.signal });
    abort.abort();
    assert.equal((await failureOf(exit)).kind, 'canceled');
  },
  'a missing daemon is started once and the call goes on': async (_, server) => {
    let starts = 0;
    using client = createClient({
      host: server.host,
      apiVersion: '1.51',
      onUnreachable: () => Promise.resolve(++starts > 0),
    });
    await client.system.version();
    assert.equal(starts, 0);
    assert.deepEqual(server.requests, ['GET /v1.51/version']);
    using other = createClient({
      host: 'unix:///nonexistent/silo.sock',
      onUnreachable: () => Promise.resolve(++starts > 0),
    });
    assert.equal((await failureOf(other.system.version())).code, 'daemon-unreachable');
    assert.equal(starts, 1);
  },
};

/** Runs one check with a server and a client of its own. */
export async function runCheck(name: string): Promise<void> {
  await using server = await startTestServer();
  using client = createClient({ host: server.host });
  await checks[name]?.(client, server);
}

async function failureOf(work: Promise<unknown>): Promise<SiloError> {
  const thrown: unknown = await work.then(
    () => new Error('it succeeded'),
    (error: unknown) => error,
  );
  assert.ok(thrown instanceof SiloError, `expected a SiloError, got ${String(thrown)}`);
  return thrown;
}
