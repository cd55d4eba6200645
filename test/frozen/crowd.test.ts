import { expect, test } from 'bun:test';
import { request } from 'node:http';
import { findLeftovers } from '../crash/whole.ts';
import { skipReason } from '../crash/world.ts';
import { startEngine } from '../e2e/harness.ts';
import { bootstrapBusybox } from '../e2e/objects.ts';

if (skipReason) console.log(`skipped: a crowd: ${skipReason}`);

const crowd = 400;

/** Each on a connection of its own: Bun's fetch makes at most 256 requests at once, and a queue in the client would look like a slow engine. */
function send<T>(socketPath: string, method: string, path: string, body?: unknown): Promise<T> {
  return new Promise((resolve, reject) => {
    const sent = request({ socketPath, method, path, agent: false }, (response) => {
      const chunks: Buffer[] = [];
      response.on('data', (chunk: Buffer) => void chunks.push(chunk));
      response.once('error', reject).once('end', () => {
        const text = Buffer.concat(chunks).toString();
        if ((response.statusCode ?? 500) >= 400) reject(new Error(`${method} ${path}: ${text}`));
        else resolve((text === '' ? undefined : JSON.parse(text)) as T);
      });
    });
    sent.once('error', reject);
    if (body !== undefined) sent.setHeader('Content-Type', 'application/json');
    sent.end(body === undefined ? undefined : JSON.stringify(body));
  });
}

async function runTrue(socket: string): Promise<number> {
  const begunAt = performance.now();
  const body = { Image: 'busybox', Cmd: ['true'], HostConfig: { AutoRemove: true, NetworkMode: 'none' } };
  const { Id } = await send<{ Id: string }>(socket, 'POST', '/containers/create', body);
  const waiting = send<{ StatusCode: number }>(socket, 'POST', `/containers/${Id}/wait?condition=removed`);
  await send(socket, 'POST', `/containers/${Id}/start`);
  expect((await waiting).StatusCode).toBe(0);
  return performance.now() - begunAt;
}

const share = (sorted: readonly number[], part: number): number =>
  sorted[Math.floor((sorted.length - 1) * part)] ?? 0;

test.skipIf(skipReason !== undefined)(
  `${crowd} runs at once all succeed, none waits much longer than the others, and lists are answered meanwhile`,
  async () => {
    await using engine = await startEngine({ env: { UV_THREADPOOL_SIZE: '16' } });
    await bootstrapBusybox(engine);
    await runTrue(engine.socket);
    const over = new AbortController();
    const lists: number[] = [];
    const listing = (async () => {
      while (!over.signal.aborted) {
        const askedAt = performance.now();
        await send(engine.socket, 'GET', '/containers/json?all=1');
        lists.push(performance.now() - askedAt);
        await new Promise((resolve) => setTimeout(resolve, 20));
      }
    })();
    const runs = await Promise.all(Array.from({ length: crowd }, () => runTrue(engine.socket)));
    over.abort();
    await listing;
    runs.sort((a, b) => a - b);
    lists.sort((a, b) => a - b);
    const [half, last] = [share(runs, 0.5), share(runs, 0.99)];
    expect(last / half).toBeLessThan(3);
    // Many lists went by while half of the crowd waited.
    expect(lists.length).toBeGreaterThan(10);
    expect(share(lists, 1)).toBeLessThan(half);
    expect(await findLeftovers(engine)).toEqual([]);
  },
  120_000,
);
