import { afterEach, beforeEach, describe, expect, test } from 'bun:test';
import { chmodSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync } from 'node:fs';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Duplex } from 'node:stream';
import { toSiloError } from '../../../foundation/base/errors.ts';
import { silentLog } from '../../../foundation/base/log.ts';
import { type Database, openDatabase } from '../../../foundation/db/database.ts';
import { mountInfo } from '../../../foundation/kernel/mount-info.ts';
import type { ImageId } from '../../../foundation/oci/digest.ts';
import type { ExecMount, ExecVertex, VertexId } from '../graph/vertex.ts';
import type { BuildClient } from '../solve/types.ts';
import { openCacheMounts } from './cache-mounts.ts';
import { openMounts, type OpenedMounts } from './open-mounts.ts';
import type { MountsDeps } from './opening.ts';
import { openPrivateFolder, sweepPrivateFolders } from './private-folder.ts';

const isRoot = process.getuid?.() === 0;
if (!isRoot) console.log('skipped: mounts of RUN: they need root');

const image = 'sha256:1' as ImageId;
const secret = (change: object): ExecMount => ({
  type: 'secret',
  id: 'key',
  required: true,
  mode: 0o400,
  uid: 0,
  gid: 0,
  ...change,
});
const ssh = (change: object = {}): ExecMount => ({
  type: 'ssh',
  id: 'default',
  required: true,
  mode: 0o600,
  uid: 5,
  gid: 6,
  ...change,
});
const cache = (id: string): ExecMount => ({
  type: 'cache',
  id,
  target: `/${id}`,
  source: '/',
  sharing: 'locked',
  writable: true,
  mode: 0o755,
  uid: 0,
  gid: 0,
});

describe.skipIf(!isRoot)('mounts of RUN', () => {
  let directory = '';
  let database: Database;
  let deps: MountsDeps;
  beforeEach(async () => {
    directory = mkdtempSync(join(tmpdir(), 'open-mounts-'));
    chmodSync(directory, 0o711);
    database = openDatabase(join(directory, 'db'));
    const at = (name: string): string => join(directory, name);
    mkdirSync(at('tmp'));
    const caches = await openCacheMounts({
      database,
      directory: at('caches'),
      measure: () => Promise.resolve(0),
      maxBytes: 1e9,
      log: silentLog,
      now: Date.now,
    });
    deps = { caches, runDirectory: at('run'), directory: at('tmp'), log: silentLog };
  });
  afterEach(async () => {
    await sweepPrivateFolders(join(directory, 'run'));
    database[Symbol.dispose]();
    rmSync(directory, { recursive: true, force: true });
  });

  const mountsBelow = (): string[] =>
    mountInfo().flatMap(({ target }) => (target.startsWith(directory) ? [target] : []));
  const opened = (
    mounts: readonly ExecMount[],
    { client, script, cwd = '/w' }: { client?: BuildClient; script?: string; cwd?: string } = {},
  ): Promise<OpenedMounts> => {
    const vertex: ExecVertex = {
      kind: 'exec',
      root: 'sha256:0' as VertexId,
      args: ['/dev/pipes/EOF'],
      env: [],
      cwd,
      user: '',
      network: 'default',
      security: 'sandbox',
      devices: [],
      mounts,
      ...(script === undefined ? {} : { script }),
    };
    return openMounts(deps, {
      vertex,
      client,
      namespace: '',
      filesOf: (_, path) => Promise.resolve({ image, path }),
      copyTo: () => Promise.resolve(),
      signal: undefined,
    });
  };
  const refusal = (promise: Promise<unknown>): Promise<string> =>
    promise.then(
      () => 'it worked',
      (error: unknown) => toSiloError(error).message,
    );
  const keys = (values: Record<string, string | Buffer>): BuildClient => ({
    secret: (id) => Promise.resolve(values[id] === undefined ? undefined : Buffer.from(values[id])),
  });

  test('a secret is a file on a tmpfs with the mode and owner asked for, a variable of the run, or both, and then gone', async () => {
    const client = keys({ key: 'hush', 'deep/name': 'quiet' });
    {
      await using mounts = await opened(
        [
          secret({ mode: 0o440, uid: 7, gid: 8 }),
          secret({ id: 'deep/name' }),
          secret({ env: 'KEY' }),
          secret({ env: 'BOTH', target: 'here' }),
          secret({ id: 'none', required: false }),
        ],
        { client },
      );
      expect(mounts.privateEnv).toEqual(['KEY=hush', 'BOTH=hush']);
      expect(mounts.env).toEqual([]);
      expect(mounts.mounts.map(({ target, readOnly }) => [target, readOnly])).toEqual([
        ['/run/secrets/key', true],
        ['/run/secrets/name', true],
        ['/w/here', true],
      ]);
      const [first] = mounts.mounts;
      const path = first?.source ?? '';
      expect(readFileSync(path, 'utf8')).toBe('hush');
      expect(statSync(path)).toMatchObject({ mode: 0o100440, uid: 7, gid: 8 });
      const [place = ''] = mountsBelow();
      expect(path).toStartWith(`${place}/`);
      expect(mountInfo().find(({ target }) => target === place)?.type).toBe('tmpfs');
    }
    expect(mountsBelow()).toEqual([]);
    expect(readdirSync(join(directory, 'run'))).toEqual([]);
  });

  test('what is wrong with a secret is told without its value, and nothing stays mounted', async () => {
    const client = keys({ large: 'x'.repeat(600_000), bytes: Buffer.from([0xff, 0x68]), '..': 'up' });
    const said = [
      await refusal(opened([secret({ id: 'none' })], { client })),
      await refusal(opened([secret({ id: 'none' })])),
      await refusal(opened([secret({ id: 'large' })], { client })),
      await refusal(opened([secret({ id: 'bytes', env: 'A' })], { client })),
      await refusal(opened([secret({ id: '..' })], { client })),
      await refusal(opened([secret({ id: 'large', target: '/' })], { client: keys({ large: 'hush' }) })),
    ];
    expect(said).toEqual([
      'secret none: not found',
      'secret none: not found',
      'secret large is larger than 512000 bytes',
      'secret bytes cannot be a variable: it is no text',
      'the secret ".." has no name for its file',
      'invalid mount target "/"',
    ]);
    expect(mountsBelow()).toEqual([]);
  });

  test('a socket leads to the agent of the client, each connection to one of its own, until the step is over', async () => {
    const agents: Duplex[] = [];
    const client: BuildClient = {
      agent(id) {
        if (id !== 'default') return Promise.resolve(undefined);
        const agent = new Duplex({
          read: () => undefined,
          write(chunk: Buffer, _, done) {
            this.push(`agent ${chunk.toString()}`);
            done();
          },
          final(done) {
            this.push(null);
            done();
          },
        });
        agents.push(agent);
        return Promise.resolve(agent);
      },
    };
    const ask = async (path: string): Promise<string> => {
      const socket = connect({ path, allowHalfOpen: true });
      socket.end('hello');
      let answer = '';
      for await (const chunk of socket) answer += String(chunk);
      return answer;
    };
    {
      await using mounts = await opened([ssh(), ssh({ id: 'other', required: false })], { client });
      const [mount] = mounts.mounts;
      const path = mount?.source ?? '';
      expect(mounts.mounts.map(({ target }) => target)).toEqual(['/run/buildkit/ssh_agent.0']);
      expect(mounts.env).toEqual(['SSH_AUTH_SOCK=/run/buildkit/ssh_agent.0']);
      expect(statSync(path)).toMatchObject({ uid: 5, gid: 6 });
      expect(statSync(path).mode & 0o777).toBe(0o600);
      expect(await Promise.all([ask(path), ask(path)])).toEqual(['agent hello', 'agent hello']);
      connect(path).on('error', () => undefined);
    }
    expect(agents.every((agent) => agent.destroyed)).toBeTrue();
    expect(mountsBelow()).toEqual([]);
    expect(await refusal(opened([ssh({ id: 'other' })], { client }))).toBe('unset ssh forward key other');
    expect(await refusal(opened([ssh()]))).toBe('unset ssh forward key default');
  });

  test('two steps that lock the same caches in another order do not wait for each other for ever, nor one for itself', async () => {
    const first = opened([cache('a'), cache('b'), { ...cache('a'), target: '/again' }]);
    const second = opened([cache('b'), cache('a')]);
    const one = await first;
    expect(new Set(one.mounts.map(({ source }) => source)).size).toBe(2);
    one.releaseCaches();
    const two = await second;
    expect(deps.caches.list().map(({ name, inUse }) => [name, inUse])).toEqual([
      [expect.any(String), true],
      [expect.any(String), true],
    ]);
    await two[Symbol.asyncDispose]();
    await one[Symbol.asyncDispose]();
    expect(deps.caches.list().some(({ inUse }) => inUse)).toBeFalse();
  });

  test('of two mounts at the same place the later one is seen', async () => {
    const at = (id: string): ExecMount => ({ ...cache(id), target: '/same' });
    await using mounts = await opened([at('first'), at('second'), { ...cache('other'), target: 'x' }]);
    expect(mounts.mounts.map(({ target }) => target).toSorted()).toEqual(['/same', '/w/x']);
    expect(
      deps.caches
        .list()
        .map(({ name }) => name)
        .toSorted(),
    ).toEqual(['other', 'second']);
  });

  test('the program of a here-document is a file that may be run', async () => {
    await using mounts = await opened([], { script: '#!/bin/sh\n' });
    const [mount] = mounts.mounts;
    expect(mount).toMatchObject({ target: '/dev/pipes/EOF', readOnly: true });
    expect(statSync(mount?.source ?? '').mode & 0o777).toBe(0o755);
  });

  test('what an engine that died left mounted is swept', async () => {
    const folder = await openPrivateFolder(join(directory, 'run'), 10);
    await folder.write(Buffer.from('hush'), { mode: 0o400, uid: 0, gid: 0 });
    await sweepPrivateFolders(join(directory, 'run'));
    expect(mountsBelow()).toEqual([]);
    expect(readdirSync(join(directory, 'run'))).toEqual([]);
  });
});
