import { afterAll, afterEach, beforeAll, describe, expect, test } from 'bun:test';
import { readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { findLeftovers } from '../crash/whole.ts';
import { skipReason } from '../crash/world.ts';
import { eventually, processesOf } from './footprint.ts';
import { programs, type Program, startEngine, type TestEngine } from './harness.ts';
import { ask, bootstrapBusybox, create, exists, inspect, launch, remove, runOnce, wait } from './objects.ts';
import { rawRequest } from './raw-request.ts';
import { run, type Result } from './run.ts';

if (skipReason) console.log(`skipped: changes, export and commit: ${skipReason}`);

interface ImageJson {
  Id: string;
  Parent: string;
  Author: string;
  Comment: string;
  Config: Record<string, unknown>;
  RootFS: { Layers: string[] };
}

/** Changes of every kind; what is done to links and devices is seen in the unit tests. */
const changing = [
  'echo new > /etc/group',
  'rm /bin/tar',
  'mkdir -p /made/deep; echo a > /made/deep/file; chmod 750 /made',
  'rm -r /home; mkdir /home; echo b > /home/other',
  'ln -s ../made /etc/link; ln /made/deep/file /made/hard',
  'touch /var/gone; rm /var/gone',
].join('; ');

describe.skipIf(skipReason !== undefined)('changes, export and commit', () => {
  let engine: TestEngine;
  beforeAll(async () => {
    engine = await startEngine();
    await bootstrapBusybox(engine);
  });
  afterAll(() => engine[Symbol.asyncDispose]());
  afterEach(async () => {
    for (const { Id } of await ask<{ Id: string }[]>(engine, 'GET', '/containers/json?all=1'))
      await remove(engine, Id);
    expect(await findLeftovers(engine)).toEqual([]);
  });
  const image = (name: string): Promise<ImageJson> => ask<ImageJson>(engine, 'GET', `/images/${name}/json`);
  const commit = (query: string, body?: unknown): Promise<{ Id: string }> =>
    ask<{ Id: string }>(engine, 'POST', `/commit?${query}`, body);
  const changed = async (name: string): Promise<void> => {
    await launch(engine, name, { Cmd: ['sh', '-c', changing] });
    expect(await wait(engine, name)).toBe(0);
  };

  describe.each(programs)('with %s', (program: Program) => {
    const call = (...args: string[]): Promise<Result> => engine[program](...args);

    test('diff names what was added, changed and deleted, and not what the engine put there', async () => {
      await changed('subject');
      const { stdout } = await call('diff', 'subject');
      const lines = stdout.split('\n').slice(0, -1);
      const wanted = ['C /etc', 'C /etc/group', 'A /etc/link', 'D /bin/tar', 'A /made', 'A /made/deep/file'];
      for (const line of [...wanted, 'A /made/hard', 'A /home/other']) expect(lines).toContain(line);
      expect(lines.filter((line) => /hosts|resolv|hostname|\/dev|\/proc|\/var|\/sys/.test(line))).toEqual([]);
      expect(await call('diff', 'nobody')).toMatchObject({
        code: 1,
        stderr: expect.stringContaining('No such container: nobody'),
      });
    });

    test('commit, and a container of the image has the changes and the configuration', async () => {
      await changed('subject');
      const words = ['-a', 'A Author', '-m', 'a message', '-c', 'ENV X=1', '-c', 'CMD ["cat","/made/hard"]'];
      const { stdout, stderr } = await call('commit', ...words, 'subject', 'made:1');
      expect([stdout.trim(), stderr]).toEqual([expect.stringMatching(/^sha256:[0-9a-f]{64}$/), '']);
      const made = await image('made:1');
      const base = await image('busybox');
      expect(made).toMatchObject({
        Id: stdout.trim(),
        Author: 'A Author',
        Comment: 'a message',
        Parent: base.Id,
      });
      expect(made.Config['Cmd']).toEqual(['cat', '/made/hard']);
      expect(made.Config['Env']).toContain('X=1');
      expect(made.RootFS.Layers).toHaveLength(base.RootFS.Layers.length + 1);
      expect((await call('run', '--rm', 'made:1')).stdout).toBe('a\n');
      const look = 'ls /home /bin/tar; stat -c %a /made; readlink /etc/link; echo $X';
      const seen = await call('run', '--rm', 'made:1', 'sh', '-c', look);
      expect(seen.stdout).toBe('/home:\nother\n750\n../made\n1\n');
      const steps = await call('history', '--format', '{{.CreatedBy}}|{{.Comment}}', 'made:1');
      expect(steps.stdout.split('\n')[0]).toMatch(/^sh -c echo new.*\|a message$/);
      await call('rmi', 'made:1');
    });

    test('export, and import of it is the same tree in one layer', async () => {
      await changed('subject');
      const file = join(engine.directory, `${program}.tar`);
      expect(await call('export', '-o', file, 'subject')).toEqual({ code: 0, stdout: '', stderr: '' });
      const names = (await run(['tar', '-tf', file])).stdout.split('\n');
      for (const name of ['made/deep/file', 'home/other', 'etc/hosts', 'proc/'])
        expect(names).toContain(name);
      expect(names).not.toContain('bin/tar');
      expect(names.filter((name) => /^proc\/.|^sys\/.|\.partial/.test(name))).toEqual([]);
      await call('import', file, 'flat:1');
      expect((await image('flat:1')).RootFS.Layers).toHaveLength(1);
      expect((await call('run', '--rm', 'flat:1', 'cat', '/home/other')).stdout).toBe('b\n');
      await call('rmi', 'flat:1');
      expect(readdirSync(engine.directory).filter((name) => name.includes('partial'))).toEqual([]);
    });

    test("the words of refusals are Docker's", async () => {
      await create(engine, 'subject', {});
      const refused = async (...args: string[]): Promise<string> => (await call(...args)).stderr;
      expect(await refused('export', '-o', engine.directory, 'subject')).toContain(
        'failed to export container: cannot write to a directory',
      );
      expect(await refused('export', '-o', '/nowhere/file', 'subject')).toContain(
        'failed to export container: invalid output path: stat /nowhere: no such file or directory',
      );
      expect(await refused('commit', 'subject', 'UPPER')).toContain('must be lowercase');
      expect(await refused('commit', '-c', 'RUN true', 'subject')).toContain(
        'RUN is not a valid change command',
      );
      expect(await refused('diff', '')).toContain('Container name cannot be empty');
    });
  });

  test('the same changes give the same layer twice, and nothing changed gives no layer', async () => {
    await changed('subject');
    const [first, second] = [await commit('container=subject'), await commit('container=subject')];
    const layers = await Promise.all([first, second].map(async ({ Id }) => (await image(Id)).RootFS.Layers));
    expect(layers[0]).toEqual(layers[1]);
    await create(engine, 'untouched', {});
    const same = await commit('container=untouched&repo=same');
    expect((await image(same.Id)).RootFS.Layers).toEqual((await image('busybox')).RootFS.Layers);
    const steps = await ask<{ Size: number }[]>(engine, 'GET', '/images/same/history');
    expect(steps[0]?.Size).toBe(0);
    for (const { Id } of [first, second, same]) await ask(engine, 'DELETE', `/images/${Id}?force=1`);
  });

  test('a body goes over the configuration of the container', async () => {
    await create(engine, 'subject', { Cmd: ['own'], Env: ['A=1', 'B=2'], ExposedPorts: { '80/tcp': {} } });
    const body = { Cmd: ['given'], Env: ['B=3', 'C=4'], Labels: { l: 'm' }, ExposedPorts: { '7/udp': {} } };
    const { Id } = await commit('container=subject&changes=USER%20nobody&changes=WORKDIR%20%2Fw', body);
    const { Config } = await image(Id);
    expect(Config).toMatchObject({ Cmd: ['given'], User: 'nobody', WorkingDir: '/w', Labels: { l: 'm' } });
    expect(Config['Env']).toEqual(expect.arrayContaining(['A=1', 'B=3', 'C=4']));
    expect(Object.keys(Config['ExposedPorts'] as object).toSorted()).toEqual(['7/udp', '80/tcp']);
    await ask(engine, 'DELETE', `/images/${Id}`);
  });

  test.each([
    ['container=nobody', 404, 'No such container: nobody'],
    ['container=', 400, 'invalid name or ID supplied: ""'],
    ['container=subject&repo=a&tag=..b', 400, 'invalid tag format'],
    ['container=subject&changes=', 400, 'file with no instructions'],
    ['container=subject&changes=ENV', 400, 'ENV requires at least one argument'],
    ['container=subject&repo=sha256', 400, 'refusing to create an ambiguous tag'],
    [`container=subject&repo=a@sha256:${'1'.repeat(64)}`, 400, 'cannot import digest reference'],
  ])('a commit with %s is refused', async (query, status, message) => {
    await create(engine, 'subject', {});
    const answer = await engine.api('POST', `/commit?${query}`);
    expect([answer.status, (JSON.parse(answer.text) as { message: string }).message]).toEqual([
      status,
      expect.stringContaining(message),
    ]);
  });

  test('a running container is frozen while it is read and runs on; a paused one stays paused', async () => {
    await launch(engine, 'subject', { Cmd: ['sh', '-c', 'echo x > /file; exec sleep 600'] });
    await eventually(async () =>
      (await engine.api('GET', '/containers/subject/changes')).text.includes('/file'),
    );
    const since = Math.floor(Date.now() / 1000) - 1;
    const first = await commit('container=subject');
    expect((await inspect(engine, 'subject')).State.Status).toBe('running');
    await ask(engine, 'POST', '/containers/subject/pause');
    const second = await commit('container=subject&pause=1');
    expect((await inspect(engine, 'subject')).State.Status).toBe('paused');
    await ask(engine, 'POST', '/containers/subject/unpause');
    const third = await commit('container=subject&pause=0');
    const filters = encodeURIComponent(JSON.stringify({ type: ['container'] }));
    const until = Math.floor(Date.now() / 1000) + 1;
    const events = await ask<{ Action: string; Actor: { Attributes: Record<string, string> } }[]>(
      engine,
      'GET',
      `/events?since=${since}&until=${until}&filters=${filters}`,
    );
    const after = events.slice(events.findLastIndex(({ Action }) => Action === 'start') + 1);
    expect(after.map(({ Action }) => Action)).toEqual([
      'pause',
      'unpause',
      'commit',
      'pause',
      'commit',
      'unpause',
      'commit',
    ]);
    expect(after[2]?.Actor.Attributes).toMatchObject({ comment: '', imageID: first.Id, imageRef: '' });
    for (const { Id } of [first, second, third]) await ask(engine, 'DELETE', `/images/${Id}`);
  });

  test('an export of a running container shows its root without volumes, and a hang-up ends it', async () => {
    const body = {
      Cmd: [
        'sh',
        '-c',
        'echo v > /data/in; dd if=/dev/zero of=/big bs=1M count=64; echo x > /ready; exec sleep 600',
      ],
    };
    await launch(engine, 'subject', { ...body, Volumes: { '/data': {} } });
    await eventually(async () =>
      (await engine.api('GET', '/containers/subject/changes')).text.includes('/ready'),
    );
    const whole = join(engine.directory, 'running.tar');
    await engine.silo('export', '-o', whole, 'subject');
    const names = (await run(['tar', '-tf', whole])).stdout.split('\n');
    expect(names).toContain('data/');
    expect(names).not.toContain('data/in');
    expect(statSync(whole).size).toBeGreaterThan(32_000_000);
    const packers = (): number =>
      readdirSync('/proc')
        .filter((pid) => /^\d+$/.test(pid))
        .filter((pid) => isPackerOf(engine, pid)).length;
    {
      using leaving = rawRequest(engine.socket, { method: 'GET', path: '/containers/subject/export' });
      await leaving.until('200 OK');
      leaving.socket.pause();
      expect(await eventually(() => packers() === 1)).toBe(true);
    }
    expect(await eventually(() => packers() === 0)).toBe(true);
    expect(processesOf(engine.footprint).length).toBeGreaterThan(0);
  });

  test('nothing is followed outside: links, and names that only look like whiteouts', async () => {
    const secret = join(engine.directory, 'secret');
    writeFileSync(secret, 'not for containers\n');
    const script = `ln -s ${engine.directory} /way; ln -s ${secret} /copy; mkdir /d; echo x > '/d/.wh..wh.aufs'`;
    await launch(engine, 'subject', { Cmd: ['sh', '-c', script] });
    await wait(engine, 'subject');
    const file = join(engine.directory, 'links.tar');
    await engine.silo('export', '-o', file, 'subject');
    expect(readFileSync(file).includes('not for containers')).toBe(false);
    const { Id } = await commit('container=subject&repo=links');
    const { output } = await runOnce(engine, 'check', {
      Image: 'links',
      Cmd: ['sh', '-c', 'cat /copy; readlink /way; ls /d'],
    });
    expect(output).toContain(engine.directory);
    expect(output).not.toContain('not for');
    await ask(engine, 'DELETE', `/images/${Id}`);
    expect(await exists(engine, '/images/links/json')).toBe(false);
  });
});

function isPackerOf(engine: TestEngine, pid: string): boolean {
  try {
    const words = readFileSync(`/proc/${pid}/cmdline`, 'utf8').split('\0');
    return words.some((word) => word.endsWith('/pack.ts')) && words.includes(String(engine.pid()));
  } catch {
    return false;
  }
}
