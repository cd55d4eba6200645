import { afterAll, beforeAll, expect, test } from 'bun:test';
import { appendFileSync, mkdtempSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { isKind } from '../../foundation/base/errors.ts';
import { createReactor } from '../../foundation/kernel/reactor.ts';
import { createContainerLogs } from './container-logs.ts';
import { entryWidth, type LogEntry, type ReadLogs } from './logs.ts';

const reactor = createReactor();
const logs = createContainerLogs(reactor);
afterAll(() => reactor[Symbol.dispose]());
const both = { stdout: true, stderr: true };
let folder = '';
let files = 0;

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'silo-logs-'));
});
afterAll(() => rmSync(folder, { recursive: true }));

const line = (second: number, text: string, stream = 'stdout', tag = 'F') =>
  `2026-01-02T03:04:${String(second).padStart(2, '0')}.250000000+00:00 ${stream} ${tag} ${text}\n`;
const at = (second: number) => Date.UTC(2026, 0, 2, 3, 4, second, 250);

function logFile(content: string): string {
  const path = join(folder, `log${files++}`);
  writeFileSync(path, content);
  return path;
}

async function collect(path: string, options: Partial<ReadLogs> = {}): Promise<LogEntry[]> {
  const entries: LogEntry[] = [];
  for await (const batch of logs.read(path, { ...both, ...options })) entries.push(...batch);
  return entries;
}

const text = (entries: LogEntry[]) => entries.map((entry) => Buffer.from(entry.text).toString()).join('');

test('lines come back as the program wrote them, parts of long lines without a newline', async () => {
  const path = logFile(
    line(1, 'one') + line(2, 'par', 'stdout', 'P') + line(2, 'tial') + line(3, 'err', 'stderr') + line(4, ''),
  );
  const entries = await collect(path);
  expect(text(entries)).toBe('one\npartial\nerr\n\n');
  expect(entries[3]).toMatchObject({ stream: 'stderr', time: '2026-01-02T03:04:03.250000000Z' });
});

test('the stream, since and until select entries', async () => {
  const path = logFile(line(1, 'a') + line(2, 'b', 'stderr') + line(3, 'c') + line(4, 'd'));
  expect(text(await collect(path, { stdout: false }))).toBe('b\n');
  expect(text(await collect(path, { sinceMs: at(3) }))).toBe('c\nd\n');
  expect(text(await collect(path, { untilMs: at(2) }))).toBe('a\nb\n');
  expect(text(await collect(path, { sinceMs: at(2), untilMs: at(3), stderr: false }))).toBe('c\n');
});

test('a time with another zone is compared as the same moment', async () => {
  const path = logFile(line(1, 'a').replace('03:04', '05:34').replace('+00:00', '+02:30') + line(2, 'b'));
  expect(text(await collect(path, { sinceMs: at(1), untilMs: at(1) }))).toBe('a\n');
});

test.each([0, 1, 2, 3, 999])('tail %d gives the last lines', async (tail) => {
  const content = Array.from({ length: 40_000 }, (_, i) => line(i % 60, `number ${i}`)).join('');
  const path = logFile(content);
  const entries = await collect(path, { tail });
  expect(entries).toHaveLength(tail);
  if (tail > 0) expect(text(entries.slice(0, 1))).toBe(`number ${40_000 - tail}\n`);
});

test('tail counts the parts of a line once and only the selected stream', async () => {
  const path = logFile(
    line(1, 'old') +
      line(2, 'a', 'stdout', 'P') +
      line(2, 'b', 'stdout', 'P') +
      line(2, 'c') +
      line(3, 'e', 'stderr'),
  );
  expect(text(await collect(path, { tail: 1, stderr: false }))).toBe('abc\n');
  expect(text(await collect(path, { tail: 2 }))).toBe('abc\ne\n');
  expect(text(await collect(path, { tail: 50 }))).toBe('old\nabc\ne\n');
});

test('lines that are not in the format and a torn last line are skipped', async () => {
  const path = logFile(`\n\nrubbish\n${line(1, 'ok')}x y z\n${line(2, 'torn').slice(0, -3)}`);
  expect(text(await collect(path))).toBe('ok\n');
});

test('a missing log is not found', async () => {
  const failure = await collect(join(folder, 'none')).catch((error: unknown) => error);
  expect(isKind(failure, 'not-found')).toBe(true);
});

test('following delivers what is appended and ends after the end with everything', async () => {
  const path = logFile(line(1, 'before'));
  const end = Promise.withResolvers<void>();
  const seen: string[] = [];
  for await (const batch of logs.read(path, { ...both, follow: { ended: end.promise } })) {
    seen.push(text(batch));
    if (seen.length === 1) appendFileSync(path, line(2, 'half').slice(0, 50));
    if (seen.length === 1) setImmediate(() => appendFileSync(path, line(2, 'half').slice(50)));
    if (seen.length === 2) {
      appendFileSync(path, line(3, 'last'));
      end.resolve();
    }
  }
  expect(seen.join('')).toBe('before\nhalf\nlast\n');
});

test('following goes on in the new file when the monitor replaces a full one', async () => {
  const path = logFile(line(1, 'first'));
  const end = Promise.withResolvers<void>();
  const seen: string[] = [];
  for await (const batch of logs.read(path, { ...both, follow: { ended: end.promise } })) {
    seen.push(text(batch));
    if (seen.length === 1) {
      appendFileSync(path, line(2, 'rest of the old'));
      writeFileSync(`${path}.tmp`, line(3, 'new'));
      renameSync(`${path}.tmp`, path);
    }
    if (seen.join('').includes('new')) end.resolve();
  }
  expect(seen.join('')).toBe('first\nrest of the old\nnew\n');
});

test('aborting ends a follow with kind canceled', async () => {
  const path = logFile(line(1, 'x'));
  const controller = new AbortController();
  const never = new Promise<void>(() => undefined);
  setTimeout(() => controller.abort(), 20);
  const failure = await collect(path, { follow: { ended: never }, signal: controller.signal }).catch(
    (error: unknown) => error,
  );
  expect(isKind(failure, 'canceled')).toBe(true);
});

test('200,000 lines are read and parsed quickly', async () => {
  const path = logFile(
    Array.from({ length: 200_000 }, (_, i) => line(i % 60, `log line number ${i}`)).join(''),
  );
  const started = performance.now();
  let bytes = 0;
  let lines = 0;
  for await (const { index, count } of logs.readBlocks(path, both)) {
    lines += count;
    for (let slot = 0; slot < count * entryWidth; slot += entryWidth)
      bytes += (index[slot + 4] ?? 0) - (index[slot + 3] ?? 0);
  }
  const blocksMs = performance.now() - started;
  expect(lines).toBe(200_000);
  expect(bytes).toBeGreaterThan(200_000 * 17);
  expect(await collect(path)).toHaveLength(200_000);
  const entriesMs = performance.now() - started - blocksMs;
  console.log(`200,000 lines: ${blocksMs.toFixed(0)} ms as blocks, ${entriesMs.toFixed(0)} ms as entries`);
});

test('a follower misses nothing of lines that come within a moment of each other', async () => {
  const path = logFile('');
  const end = Promise.withResolvers<void>();
  const seen: string[] = [];
  const reading = (async () => {
    for await (const batch of logs.read(path, { ...both, follow: { ended: end.promise } }))
      for (const { text } of batch) seen.push(Buffer.from(text).toString().trim());
  })();
  for (let round = 0; round < 200; round++) {
    appendFileSync(path, line(1, `a${round}`));
    // The reader reads the first before the second comes.
    for (let turn = 0; turn < round % 7; turn++) await new Promise((resolve) => setImmediate(resolve));
    appendFileSync(path, line(1, `b${round}`));
    while (seen.length < 2 * round + 2) await new Promise((resolve) => setImmediate(resolve));
  }
  end.resolve();
  await reading;
  expect(seen).toHaveLength(400);
});

test('since finds what was written before and after the clock was set back', async () => {
  const path = logFile(line(30, 'a') + line(40, 'b') + line(5, 'c') + line(35, 'd'));
  expect(text(await collect(path, { sinceMs: at(33) }))).toBe('b\nd\n');
  expect(text(await collect(path, { sinceMs: at(0) }))).toBe('a\nb\nc\nd\n');
});
