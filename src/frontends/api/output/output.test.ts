import { expect, test } from 'bun:test';
import type { OutputBatch } from '../../../engine/container/container.ts';
import type { Progress } from '../../../engine/image/transfers.ts';
import type { JsonMessage } from '../../../foundation/wire/docker/json-message.ts';
import { createFrameDecoder } from '../../../foundation/wire/raw-stream.ts';
import { encodeLogBatch } from './log-frames.ts';
import { humanSize, progressText } from './progress-text.ts';
import { createLoadReporter, createPullReporter } from './transfer-progress.ts';

const time = '2026-01-02T03:04:05.123456789Z';
const batch: OutputBatch = [
  { stream: 'stdout', time, text: Buffer.from('one\n') },
  { stream: 'stderr', time, text: Buffer.from('zwö\n') },
];

test('log entries become one frame each, with their time in front when asked', () => {
  const seen: string[] = [];
  const decoder = createFrameDecoder((stream, piece) =>
    seen.push(`${stream} ${Buffer.from(piece).toString()}`),
  );
  decoder.push(encodeLogBatch(batch, { framed: true, timestamps: true }));
  expect(seen).toEqual([`stdout ${time} one\n`, `stderr ${time} zwö\n`]);
  expect(decoder.isComplete()).toBe(true);
  expect(encodeLogBatch(batch, { framed: false, timestamps: false }).toString()).toBe('one\nzwö\n');
});

test('200,000 log lines are framed in well under 300 ms', () => {
  const line = Buffer.from(`${'x'.repeat(80)}\n`);
  const lines: OutputBatch = Array.from({ length: 1000 }, () => ({ stream: 'stdout', time, text: line }));
  const started = process.cpuUsage();
  let bytes = 0;
  for (let i = 0; i < 200; i++) bytes += encodeLogBatch(lines, { framed: true, timestamps: true }).length;
  const { user, system } = process.cpuUsage(started);
  expect(bytes).toBe(200_000 * (8 + time.length + 1 + line.length));
  expect((user + system) / 1000).toBeLessThan(300);
});

test('sizes and bars are those of the real engine', () => {
  expect([36_445, 1_064_299, 999, 1000, 0].map(humanSize)).toEqual([
    '36.45kB',
    '1.064MB',
    '999B',
    '1kB',
    '0B',
  ]);
  expect(progressText(36_445, 1_064_299)).toBe(`[=>${' '.repeat(49)}]  36.45kB/1.064MB`);
  expect(progressText(1_064_299, 1_064_299)).toBe(`[${'='.repeat(50)}>]  1.064MB/1.064MB`);
  expect(progressText(69_213, 6_293_518)).toBe(`[>${' '.repeat(50)}]  69.21kB/6.294MB`);
  expect(progressText(5, undefined)).toBe('      5B');
});

function pullLines(events: Progress[], now: () => number = () => 0): JsonMessage[] {
  const lines: JsonMessage[] = [];
  const reporter = createPullReporter(
    { write: (message) => void lines.push(message) },
    { repository: 'library/x', tag: '1' },
    now,
  );
  for (const event of events) reporter.report(event);
  return lines;
}

test('a pull is told in the words and order of the real engine', () => {
  const layer = (
    phase: 'waiting' | 'verifying' | 'downloaded' | 'complete' | 'exists',
    id = 'a',
  ): Progress => ({
    kind: 'layer',
    id,
    phase,
  });
  const lines = pullLines([
    { kind: 'resolving', reference: 'x' },
    layer('exists', 'b'),
    layer('waiting'),
    { kind: 'layer', id: 'a', phase: 'downloading', currentBytes: 5, totalBytes: 10 },
    layer('verifying'),
    layer('downloaded'),
    { kind: 'layer', id: 'a', phase: 'extracting', currentBytes: 10, totalBytes: 10 },
    layer('complete'),
  ]);
  expect(lines.map(({ status, id }) => `${status} ${id}`)).toEqual([
    'Pulling from library/x 1',
    'Already exists b',
    'Pulling fs layer a',
    'Waiting a',
    'Downloading a',
    'Verifying Checksum a',
    'Download complete a',
    'Extracting a',
    'Pull complete a',
  ]);
  expect(lines[4]).toMatchObject({ progressDetail: { current: 5, total: 10 } });
});

test('resolving alone writes nothing, so that an unknown name can be an error answer', () => {
  expect(pullLines([{ kind: 'resolving', reference: 'x' }])).toEqual([]);
});

test('bars move at most ten times a second, but always reach their end', () => {
  let now = 0;
  const steps = Array.from({ length: 100 }, (_, i): Progress => ({
    kind: 'layer',
    id: 'a',
    phase: 'downloading',
    currentBytes: i + 1,
    totalBytes: 100,
  }));
  const bars = pullLines(steps, () => (now += 10)).filter(({ status }) => status === 'Downloading');
  expect(bars.length).toBeLessThan(13);
  expect(bars.at(-1)?.progressDetail).toEqual({ current: 100, total: 100 });
});

test('a quiet load shows no bars', () => {
  for (const quiet of [true, false]) {
    const lines: JsonMessage[] = [];
    const report = createLoadReporter({ write: (message) => void lines.push(message) }, { quiet });
    report({ kind: 'layer', id: 'a', phase: 'extracting', currentBytes: 1, totalBytes: 2 });
    expect(lines.map(({ status }) => status)).toEqual(quiet ? [] : ['Loading layer']);
  }
});

test('the parts of a line have one time, also across batches', () => {
  const unfinished = new Set<string>();
  const part = (text: string, time: string) => ({ stream: 'stdout' as const, time, text: Buffer.from(text) });
  const framing = { framed: false, timestamps: true, unfinished };
  const first = encodeLogBatch([part('a\n', 't1'), part('b', 't2')], framing);
  const second = encodeLogBatch([part('c\n', 't3'), part('d\n', 't4')], framing);
  expect(Buffer.concat([first, second]).toString()).toBe('t1 a\nt2 bc\nt4 d\n');
});
