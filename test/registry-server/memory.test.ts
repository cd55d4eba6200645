import { expect, test } from 'bun:test';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { request } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { serveProcess } from './served-process.ts';

const megabyte = Buffer.alloc(1024 * 1024, 'x');

/** One chunk of so many megabytes, sent as fast as the server takes it. */
function patch(url: string, megabytes: number): Promise<number | undefined> {
  return new Promise((resolve, reject) => {
    const headers = { 'Content-Length': megabytes * megabyte.byteLength };
    const outgoing = request(url, { method: 'PATCH', headers }, (answer) => {
      answer.resume().once('end', () => resolve(answer.statusCode));
    });
    outgoing.once('error', reject);
    let sent = 0;
    const send = (): void => {
      while (sent < megabytes) {
        sent++;
        if (!outgoing.write(megabyte)) return void outgoing.once('drain', send);
      }
      outgoing.end();
    };
    send();
  });
}

test('an upload passes through the registry without staying in its memory', async () => {
  const root = await mkdtemp(join(tmpdir(), 'silo-registry-'));
  try {
    await using served = await serveProcess(root);
    const peakMegabytes = async (): Promise<number> => {
      const status = await readFile(`/proc/${served.process.pid}/status`, 'utf8');
      return Number(/VmHWM:\s*(\d+) kB/.exec(status)?.[1]) / 1024;
    };
    const before = await peakMegabytes();
    const started = await fetch(`${served.url}/v2/large/app/blobs/uploads/`, { method: 'POST' });
    const location = served.url + (started.headers.get('location') ?? '');
    expect(await patch(location, 192)).toBe(202);
    expect((await peakMegabytes()) - before).toBeLessThan(120);
    expect((await fetch(location, { method: 'DELETE' })).status).toBe(204);
  } finally {
    await rm(root, { recursive: true, force: true });
  }
});
