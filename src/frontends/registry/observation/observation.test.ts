import { afterEach, expect, test } from 'bun:test';
import { mkdtemp, readFile, rename, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseRepositoryName } from '../../../foundation/oci/repository-name.ts';
import { openAccessLog } from './access-log.ts';
import { createRegistryMetrics } from './registry-metrics.ts';
import type { RequestRecord } from '../access.ts';

const cleanups: (() => Promise<unknown>)[] = [];
afterEach(async () => {
  for (const cleanup of cleanups.splice(0)) await cleanup();
});

const record: RequestRecord = {
  milliseconds: 12.34,
  method: 'GET',
  path: '/v2/a/blobs/x',
  route: '/v2/{name}/blobs/{digest}',
  repository: parseRepositoryName('a'),
  status: 200,
  bytesIn: 1,
  bytesOut: 2,
  remoteAddress: '127.0.0.1',
  userAgent: 'curl',
  user: 'ali',
};

test('the access log is one JSON object a line, whatever clients send, and survives a rotation', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'silo-log-'));
  cleanups.push(() => rm(folder, { recursive: true }));
  const path = join(folder, 'access.log');
  const log = await openAccessLog(path);
  log.write(record);
  log.write({
    ...record,
    path: '/v2/\n{"status":200}',
    userAgent: `Basic ${'A'.repeat(40)} ${'x'.repeat(9999)}`,
  });
  await rename(path, `${path}.1`);
  await log.reopen();
  log.write(record);
  await log[Symbol.asyncDispose]();
  const lines = (await readFile(`${path}.1`, 'utf8')).trimEnd().split('\n');
  const parsed = lines.map((line) => JSON.parse(line) as Record<string, unknown>);
  expect(parsed).toHaveLength(2);
  expect(parsed[0]).toMatchObject({ user: 'ali', durationMs: 12.3, bytesOut: 2 });
  expect(parsed[1]).toMatchObject({ status: 200 });
  expect(lines[1]).not.toContain('AAAA');
  expect(lines[1]?.length).toBeLessThan(1000);
  expect((await readFile(path, 'utf8')).split('\n')).toHaveLength(2);
});

test('requests are counted by route and status, sizes by repository', async () => {
  let counted = 0;
  const metrics = createRegistryMetrics({
    registry: {
      lists: {
        repositories: async () => ({ items: [parseRepositoryName('a')], more: false }),
        tags: async () => ({ items: [], more: false }),
        referrers: async () => ({ items: [], more: false }),
      },
      upkeep: {
        usage: async () => ({ blobs: ++counted, sizeBytes: 77 }),
        collectGarbage: async () => ({ manifests: 0, blobs: 0, freedBytes: 0 }),
      },
    },
    cache: () => [{ kind: 'blob', result: 'hit', count: 3 }],
  });
  for (const method of ['GET', 'GET', 'EVIL"} 1\n']) {
    metrics.observe({ ...record, method });
  }
  await metrics.text();
  const text = await metrics.text();
  for (const line of [
    'silo_registry_requests_total{method="GET",route="/v2/{name}/blobs/{digest}",status="200"} 2',
    'silo_registry_requests_total{method="other",route="/v2/{name}/blobs/{digest}",status="200"} 1',
    'silo_registry_sent_bytes_total 6',
    'silo_registry_cache_requests_total{kind="blob",result="hit"} 3',
    'silo_registry_repository_bytes{repository="a"} 77',
    'silo_registry_request_duration_seconds_bucket{route="/v2/{name}/blobs/{digest}",le="0.01"} 0',
    'silo_registry_request_duration_seconds_bucket{route="/v2/{name}/blobs/{digest}",le="0.05"} 3',
  ])
    expect(text).toContain(`${line}\n`);
  expect(counted).toBe(1);
});
