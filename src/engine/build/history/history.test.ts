import { afterAll, beforeAll, beforeEach, expect, test } from 'bun:test';
import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { canceled, invalid } from '../../../foundation/base/errors.ts';
import { silentLog } from '../../../foundation/base/log.ts';
import { type Database, openDatabase } from '../../../foundation/db/database.ts';
import { parseReference } from '../../../foundation/oci/reference.ts';
import type { ImageId } from '../../../foundation/oci/digest.ts';
import { archiveContext, type BuildProgress, type BuildRequest, type Builds } from '../solve/types.ts';
import { logLimits } from './build-log.ts';
import { type RecordedBuilds, withHistory } from './open-history.ts';
import { mostRecords } from './records.ts';

let root: string;
let directory: string;
let database: Database;
let count = 0;
let clock = 0;
beforeAll(async () => {
  root = await mkdtemp(join(tmpdir(), 'silo-history-'));
});
afterAll(() => rm(root, { recursive: true, force: true }));
beforeEach(() => {
  directory = join(root, String(count++));
  database = openDatabase(':memory:');
});

const image = `sha256:${'a'.repeat(64)}` as ImageId;

/** A builder that tells this and ends so. */
function open(tell: (request: BuildRequest) => void | Promise<void>): Promise<RecordedBuilds> {
  const builds = {
    build: async (request: BuildRequest) => {
      await tell(request);
      return { image, metadata: {} };
    },
  } as unknown as Builds;
  return withHistory(builds, {
    database,
    directory,
    images: { list: () => [] },
    now: () => ++clock,
    log: silentLog,
  });
}

const request = (more: Partial<BuildRequest> = {}): BuildRequest => ({
  context: archiveContext((async function* () {})()),
  dockerfile: 'Dockerfile',
  tags: [parseReference('docker.io/library/x:1')],
  arguments: new Map([['TOKEN', 'very secret']]),
  labels: {},
  noCache: false,
  pull: false,
  network: 'default',
  onProgress: () => true,
  drained: () => Promise.resolve(),
  ...more,
});

const step = {
  number: 1,
  of: 1,
  stage: '0',
  text: 'RUN x',
  place: { line: 3, column: 1, length: 5, endLine: 3 },
};
const outputOf = (text: string): BuildProgress => ({
  kind: 'output',
  step: 1,
  stream: 'stdout',
  bytes: Buffer.from(text),
});

async function logOf(builds: RecordedBuilds, id: string): Promise<string> {
  let text = '';
  for await (const each of builds.history.log(id))
    if (each.kind === 'output') text += Buffer.from(each.bytes).toString('latin1');
  return text;
}

test('a build leaves a record and its log, without values of arguments', async () => {
  const seen: string[] = [];
  const builds = await open(({ onProgress }) => {
    onProgress({ kind: 'plan', steps: [step] });
    onProgress({ kind: 'started', step: 1, atMs: 1 });
    onProgress(outputOf('h\xff\x00llo'));
    onProgress({ kind: 'image', step: 1, id: image });
    onProgress({ kind: 'done', step: 1, atMs: 2 });
  });
  await builds.build(request({ recordId: 'abcd', onProgress: ({ kind }) => seen.push(kind) > 0 }));
  expect(seen).toEqual(['plan', 'started', 'output', 'image', 'done']);
  expect(builds.history.get('ab')).toMatchObject({
    id: 'abcd',
    status: 'done',
    image,
    tags: ['docker.io/library/x:1'],
    arguments: ['TOKEN'],
    steps: { total: 1, done: 1, cached: 0 },
  });
  expect(await logOf(builds, 'abcd')).toBe(Buffer.from('h\xff\x00llo').toString('latin1'));
  expect(builds.cacheUses().get(image)?.uses).toBe(1);
  const written = database.all('SELECT * FROM build_records').map((row) => JSON.stringify(row));
  expect(`${written.join('')}${await readFile(join(directory, 'abcd.log'), 'latin1')}`).not.toContain(
    'very secret',
  );
  await builds.history.remove('abcd');
  expect(await readdir(directory)).toEqual([]);
});

test('of a failed build the record tells why and where, of a canceled one that it was', async () => {
  const failing = await open(({ onProgress }) => {
    onProgress({ kind: 'plan', steps: [step] });
    onProgress({ kind: 'failed', step: 1, atMs: 1, message: 'no' });
    throw invalid('it went wrong');
  });
  await failing.build(request({ recordId: 'f1' })).catch(() => undefined);
  expect(failing.history.get('f1')).toMatchObject({
    status: 'failed',
    error: { message: 'it went wrong', step: 'RUN x', line: 3 },
  });
  const leaving = await open(() => {
    throw canceled('gone');
  });
  await leaving.build(request({ recordId: 'c1' })).catch(() => undefined);
  expect(leaving.history.get('c1').status).toBe('canceled');
});

test('long outputs keep their beginning and their end', async () => {
  const builds = await open(({ onProgress }) => {
    onProgress({ kind: 'plan', steps: [step] });
    onProgress(outputOf('first line\n'));
    for (let i = 0; i < 100; i++) onProgress(outputOf('x'.repeat(10_000)));
    onProgress(outputOf('last line\n'));
    onProgress({ kind: 'done', step: 1, atMs: 2 });
  });
  await builds.build(request({ recordId: 'long' }));
  const text = await logOf(builds, 'long');
  expect(text).toStartWith('first line\n');
  expect(text).toEndWith('last line\n');
  expect(text).toContain('bytes of output are not kept');
  expect(text.length).toBeLessThan(logLimits.head + logLimits.tail + 200);
});

test('what ran when the engine died is lost after its next start; a torn log is read as far as it goes', async () => {
  const begun = Promise.withResolvers<void>();
  const ending = Promise.withResolvers<void>();
  const builds = await open(() => {
    begun.resolve();
    return ending.promise;
  });
  const build = builds.build(request({ recordId: 'dead' }));
  await begun.promise;
  expect(builds.history.get('dead').status).toBe('running');
  expect(await builds.history.remove('dead').catch((error: Error) => error.message)).toContain('is running');
  await writeFile(
    join(directory, 'dead.log'),
    '{"kind":"output","step":1,"stream":"stdout","bytes":"a"}\n{"kind":"outp',
  );
  await writeFile(join(directory, 'nobody.log'), 'x');
  const next = await open(() => undefined);
  expect(next.history.get('dead').status).toBe('lost');
  expect(await logOf(next, 'dead')).toBe('a');
  expect(await readdir(directory)).toEqual(['dead.log']);
  ending.resolve();
  await build;
});

test('the oldest records go', async () => {
  const builds = await open(() => undefined);
  for (let i = 0; i < mostRecords + 3; i++) await builds.build(request({ recordId: `r${i}` }));
  expect(builds.history.list()).toHaveLength(mostRecords);
  expect(builds.history.list()[0]?.id).toBe(`r${mostRecords + 2}`);
  expect(() => builds.history.get('r0')).toThrow('no record');
  expect(() => builds.history.get('r')).toThrow('several builds');
});
