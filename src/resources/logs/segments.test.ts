import { afterAll, beforeAll, expect, test } from 'bun:test';
import {
  appendFileSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { silentLog } from '../../foundation/base/log.ts';
import { createReactor } from '../../foundation/kernel/reactor.ts';
import { createContainerLogs } from './container-logs.ts';
import { createLogKeeper } from './log-keeper.ts';
import type { LogEntry, LogLimits, ReadLogs } from './logs.ts';
import { writeArchive } from './segment-archive.ts';
import { openPlain } from './segment-file.ts';

const reactor = createReactor();
const logs = createContainerLogs(reactor);
const keeper = createLogKeeper({ reactor, log: silentLog });
let root = '';
let folders = 0;

beforeAll(() => {
  root = mkdtempSync(join(tmpdir(), 'silo-segments-'));
});
afterAll(async () => {
  await keeper[Symbol.asyncDispose]();
  reactor[Symbol.dispose]();
  rmSync(root, { recursive: true });
});

function newLog(): string {
  const folder = join(root, `c${folders++}`);
  mkdirSync(folder);
  return join(folder, 'container.log');
}

/** As conmon does at its size limit. */
function rotate(path: string, first: string): void {
  writeFileSync(`${path}.tmp`, '');
  renameSync(`${path}.tmp`, path);
  appendFileSync(path, first);
}

const line = (ms: number, text: string, stream = 'stdout', tag = 'F'): string =>
  `${new Date(ms).toISOString().slice(0, -1)}000000+00:00 ${stream} ${tag} ${text}\n`;

async function collect(path: string, options: Partial<ReadLogs> = {}): Promise<string> {
  let text = '';
  for await (const batch of logs.read(path, { stdout: true, stderr: true, ...options })) text += show(batch);
  return text;
}
const show = (batch: LogEntry[]): string => batch.map((entry) => Buffer.from(entry.text).toString()).join('');

const namesBeside = (path: string): string[] => readdirSync(join(path, '..')).toSorted();

async function until(condition: () => boolean): Promise<void> {
  while (!condition()) await new Promise((resolve) => setTimeout(resolve, 2));
}

const limits: LogLimits = { fileBytes: 1 << 20, monitorBytes: 1 << 24, files: 4, compress: true };
const nothing = (): void => undefined;

test('a full file becomes a segment, is compressed, and the log reads as one', async () => {
  const path = newLog();
  using _ = keeper.keep(path, limits, nothing);
  appendFileSync(path, line(1, 'one'));
  rotate(path, line(2, 'two'));
  await until(() => namesBeside(path).includes('container.log.1.zst'));
  await until(() => !namesBeside(path).includes('container.log.1'));
  rotate(path, line(3, 'three'));
  await until(() => namesBeside(path).includes('container.log.2.zst'));
  expect(await collect(path)).toBe('one\ntwo\nthree\n');
  expect(await collect(path, { tail: 2 })).toBe('two\nthree\n');
  expect(await collect(path, { sinceMs: 2, untilMs: 2 })).toBe('two\n');
});

test('no more files than wanted are kept', async () => {
  const path = newLog();
  using _ = keeper.keep(path, { ...limits, files: 3 }, nothing);
  for (let round = 1; round < 8; round++) {
    rotate(path, line(round, `round ${round}`));
    await until(() => namesBeside(path).some((name) => name.startsWith(`container.log.${round}`)));
  }
  await until(() => namesBeside(path).filter((name) => name.endsWith('.zst')).length === 2);
  expect(await collect(path)).toBe('round 5\nround 6\nround 7\n');
});

test('whatever step the engine died at, the next pass goes on without a loss or a double', async () => {
  const path = newLog();
  const folder = join(path, '..');
  keeper.keep(path, limits, nothing)[Symbol.dispose]();
  appendFileSync(path, line(1, 'one'));
  rotate(path, line(2, 'two'));
  expect(await collect(path)).toBe('one\ntwo\n');
  // Died between the two steps of a pass.
  renameSync(join(folder, 'container.log.live'), join(folder, 'container.log.1'));
  expect(await collect(path)).toBe('one\ntwo\n');
  // Died while compressing, and after publishing.
  writeFileSync(join(folder, 'container.log.1.zst.part'), 'torn');
  {
    using source = openPlain(join(folder, 'container.log.1'));
    await writeArchive(source, join(folder, 'container.log.1.zst'), new AbortController().signal);
  }
  expect(await collect(path)).toBe('one\ntwo\n');
  keeper.keep(path, limits, nothing)[Symbol.dispose]();
  await until(() => !namesBeside(path).includes('container.log.1'));
  expect(namesBeside(path)).toEqual(['container.log', 'container.log.1.zst', 'container.log.live']);
  expect(await collect(path)).toBe('one\ntwo\n');
});

test('a slow follower misses nothing while its file is replaced and compressed several times', async () => {
  const path = newLog();
  using _ = keeper.keep(path, { ...limits, files: 100 }, nothing);
  appendFileSync(path, line(0, 'round 0'));
  const end = Promise.withResolvers<void>();
  let seen = '';
  for await (const batch of logs.read(path, { stdout: true, stderr: true, follow: { ended: end.promise } })) {
    if (seen === '') {
      for (let round = 1; round <= 5; round++) {
        rotate(path, line(round, `round ${round}`));
        await until(() => namesBeside(path).includes(`container.log.${round}.zst`));
      }
      await until(() => !namesBeside(path).some((name) => /^container\.log\.\d+$/.test(name)));
      end.resolve();
    }
    seen += show(batch);
  }
  expect(seen).toBe('round 0\nround 1\nround 2\nround 3\nround 4\nround 5\n');
});

test('a new file that has the inode of a compressed one hides nothing', async () => {
  const path = newLog();
  using _ = keeper.keep(path, { ...limits, files: 100 }, nothing);
  appendFileSync(path, line(0, 'round 0'));
  let wanted = 'round 0\n';
  for (let round = 1; round <= 12; round++) {
    rotate(path, line(round, `round ${round}`));
    wanted += `round ${round}\n`;
    await until(() => namesBeside(path).includes(`container.log.${round}.zst`));
    await until(() => !namesBeside(path).includes(`container.log.${round}`));
    expect(await collect(path)).toBe(wanted);
  }
});

test('the monitor is asked for a new file when the present one is full, once a file', async () => {
  const path = newLog();
  let asked = 0;
  using _ = keeper.keep(path, { ...limits, fileBytes: 1000 }, () => {
    asked++;
    rotate(path, '');
  });
  for (let round = 1; round <= 3; round++) {
    appendFileSync(path, line(round, 'x'.repeat(2000)));
    await until(() => namesBeside(path).some((name) => name.startsWith(`container.log.${round}`)));
    expect(asked).toBe(round);
  }
});

test('a program that ended before anybody looked leaves a log within its limits', async () => {
  const path = newLog();
  const kept = keeper.keep(path, { ...limits, fileBytes: 1000 }, nothing);
  appendFileSync(path, line(1, 'x'.repeat(2000)));
  kept[Symbol.dispose]();
  await until(() => namesBeside(path).includes('container.log.1.zst'));
  expect(statSync(path).size).toBe(0);
  expect(await collect(path)).toBe(`${'x'.repeat(2000)}\n`);
});

test('releasing stops work on a log whose folder goes away', async () => {
  const path = newLog();
  const kept = keeper.keep(path, limits, nothing);
  appendFileSync(path, line(1, 'x'.repeat(8000)).repeat(2000));
  rotate(path, line(2, 'two'));
  kept[Symbol.dispose]();
  await keeper.release(path);
  rmSync(join(path, '..'), { recursive: true });
});

test('a damaged segment is named in the error', async () => {
  const path = newLog();
  keeper.keep(path, limits, nothing)[Symbol.dispose]();
  writeFileSync(`${path}.1.zst`, 'no archive');
  expect(await collect(path).catch((error: unknown) => String(error))).toContain(
    'container.log.1.zst is damaged',
  );
});

/** Seeded (mulberry32). */
function random(seed: number): () => number {
  return () => {
    seed = (seed + 0x6d2b79f5) | 0;
    let mixed = Math.imul(seed ^ (seed >>> 15), 1 | seed);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4294967296;
  };
}

test.each(Array.from({ length: 12 }, (_, seed) => seed))(
  'tail, since and until give what a scan of everything gives (seed %d)',
  async (seed) => {
    const next = random(seed);
    const pick = (below: number): number => Math.floor(next() * below);
    const path = newLog();
    const kept = keeper.keep(path, { ...limits, files: 50, compress: seed % 3 !== 0 }, nothing);
    const written: { ms: number; stream: string; text: string }[] = [];
    let ms = 1_700_000_000_000;
    const segments = 1 + pick(5);
    for (let segment = 0; segment < segments; segment++) {
      let text = '';
      for (let count = pick(4000); count > 0; count--) {
        // Now and then the clock is set, mostly back.
        ms += pick(50) === 0 ? pick(4000) - 3000 : pick(5);
        const entry = {
          ms,
          stream: pick(3) === 0 ? 'stderr' : 'stdout',
          text: `${written.length} ${'x'.repeat(pick(pick(20) === 0 ? 3000 : 100))}`,
        };
        written.push(entry);
        text += line(entry.ms, entry.text, entry.stream);
      }
      appendFileSync(path, text);
      if (segment === segments - 1) break;
      rotate(path, '');
      const number = segment + 1;
      await until(() => namesBeside(path).some((name) => name.startsWith(`container.log.${number}`)));
    }
    kept[Symbol.dispose]();
    const times = written.map((entry) => entry.ms);
    for (let query = 0; query < 25; query++) {
      const some = (): number => (times[pick(times.length)] ?? 0) + pick(3) - 1;
      const options: Partial<ReadLogs> = {
        ...(pick(2) ? { sinceMs: some() } : {}),
        ...(pick(2) ? { untilMs: some() } : {}),
        ...(pick(2) ? { tail: pick(pick(2) ? 10 : 5000) } : {}),
        ...(pick(3) ? {} : { stderr: false }),
      };
      const late = written.findIndex((entry) => entry.ms > (options.untilMs ?? Infinity));
      const scanned = (late < 0 ? written : written.slice(0, late))
        .filter((entry) => entry.ms >= (options.sinceMs ?? 0))
        .filter((entry) => options.stderr !== false || entry.stream === 'stdout');
      const wanted =
        options.tail === undefined
          ? scanned
          : scanned.slice(scanned.length - Math.min(scanned.length, options.tail));
      const found = await collect(path, options);
      if (found !== wanted.map((entry) => `${entry.text}\n`).join(''))
        throw new Error(
          `seed ${seed}, ${JSON.stringify(options)}: ${found.split('\n').length - 1} lines, not ${wanted.length}`,
        );
    }
  },
  30_000,
);
