import { describe, expect, test } from 'bun:test';
import { archive, member } from '../../src/foundation/archive/tar-fixtures.ts';
import { skipReason } from '../crash/world.ts';
import { eventually } from '../e2e/footprint.ts';
import type { TestEngine } from '../e2e/harness.ts';
import { ask } from '../e2e/objects.ts';
import { contextOf, type Files, postBuild, useEngine } from './harness.ts';

if (skipReason) console.log(`skipped: how builds are solved: ${skipReason}`);

describe.skipIf(skipReason !== undefined)('how builds are solved', () => {
  let engine: TestEngine;
  useEngine((started) => (engine = started));

  /** What the answer says, as text; it ends when the build does. */
  const build = async (files: Files, options?: { query?: string; signal?: AbortSignal }): Promise<string> =>
    (await postBuild(engine, contextOf(files), options)).text;
  const running = (): Promise<{ Id: string; Command: string }[]> => ask(engine, 'GET', '/containers/json');
  const waitFor = async (count: number): Promise<{ Id: string; Command: string }[]> => {
    let found: { Id: string; Command: string }[] = [];
    await eventually(async () => (found = await running()).length === count, 30_000);
    expect(found).toHaveLength(count);
    return found;
  };
  /** Lets a step go on that waits for the file `/go`. */
  async function release({ Id }: { Id: string }): Promise<void> {
    const response = await fetch(`http://localhost/containers/${Id}/archive?path=/`, {
      method: 'PUT',
      unix: engine.socket,
      body: archive(member({ name: 'go', content: '' })),
    });
    expect(response.status).toBe(200);
  }
  const waits = 'until [ -e /go ]; do sleep 0.05; done';

  test('independent stages run side by side, and are told in the order of the steps', async () => {
    const Dockerfile = `FROM busybox AS a
RUN echo in a; ${waits}; echo 1 > /out
FROM busybox AS b
RUN echo in b; ${waits}; echo 2 > /out
FROM busybox AS unneeded
RUN exit 1
FROM scratch
COPY --from=a /out /a
COPY --from=b /out /b
`;
    const built = build({ Dockerfile });
    const both = await waitFor(2);
    for (const each of both.toReversed()) await release(each);
    const text = await built;
    expect(text).toMatch(
      /Step 2\/7 : RUN echo in a[^]*\nin a\n ---> \w+\nStep 3\/7 : FROM busybox AS b\n ---> \w+\nStep 4\/7[^]*\nin b\n/,
    );
    expect(text).toContain('Successfully built');
    const again = await build({ Dockerfile });
    expect(again.match(/Using cache/g)).toHaveLength(4);
  }, 90_000);

  test('a step that fails ends those beside it, and leaves nothing', async () => {
    const text = await build({
      Dockerfile: `FROM busybox AS a
RUN echo long; sleep 1000
FROM busybox AS b
RUN echo short; exit 3
FROM scratch
COPY --from=a /bin/sh /a
COPY --from=b /bin/sh /b
`,
    });
    expect(text).toMatch(/\nshort\nThe command '.*' returned a non-zero code: 3$/);
    expect(await ask<unknown[]>(engine, 'GET', '/containers/json?all=1')).toEqual([]);
  }, 90_000);

  test('what two builds want at the same time is done once, and outlives the first that wanted it', async () => {
    const files = { Dockerfile: `FROM busybox\nRUN echo begun; ${waits}; echo ended\n` };
    const leaving = new AbortController();
    const first = build(files, { signal: leaving.signal }).catch(() => 'left');
    const [container] = await waitFor(1);
    if (!container) return;
    const second = build(files);
    // The other one is there once it was told from the beginning; nothing else shows that it is.
    const third = build(files, { query: 'nocache=1' });
    const [other] = (await waitFor(2)).filter(({ Id }) => Id !== container.Id);
    leaving.abort();
    expect(await first).toBe('left');
    if (other) await release(other);
    await third;
    expect((await waitFor(1)).map(({ Id }) => Id)).toEqual([container.Id]);
    await release(container);
    expect(await second).toMatch(/\nbegun\n(ended\n)? ---> \w+\n|\nbegun\nended\n/);
    expect(await build(files)).toContain('Using cache');
  }, 90_000);

  test('a squashed build has one layer on top of its base, and the same files', async () => {
    const Dockerfile = `FROM busybox AS start
RUN echo start > /start
FROM busybox
ENV A=b
WORKDIR /work
RUN echo secret > /secret && echo 1 > a && ln a b && chmod 4755 a
COPY --chown=3:4 file /work/
RUN rm /secret /etc/group && rm -r /etc/network /usr/share/* && mkdir /etc/network || true
COPY --from=start /start /work/
CMD ["x"]
`;
    const files = { Dockerfile, file: 'content' };
    interface Image {
      Id: string;
      RootFS: { Layers: string[] };
      Config: { Cmd: string[]; WorkingDir: string };
    }
    const inspect = (name: string): Promise<Image> => ask(engine, 'GET', `/images/${name}/json`);
    const filters = encodeURIComponent('{"dangling":["true"]}');
    const dangling = async (): Promise<string[]> =>
      (await ask<Image[]>(engine, 'GET', `/images/json?filters=${filters}`)).map(({ Id }) => Id);
    // Other tests build without names.
    const before = await dangling();
    await build(files, { query: 't=plain:1' });
    const text = await build(files, { query: 't=squashed:1&squash=1' });
    expect(text.match(/Using cache/g)?.length).toBeGreaterThan(5);
    const [base, plain, squashed] = await Promise.all(['busybox', 'plain:1', 'squashed:1'].map(inspect));
    if (!base || !plain || !squashed) return;
    expect(squashed.RootFS.Layers.slice(0, -1)).toEqual(base.RootFS.Layers);
    expect(squashed.Config).toEqual(plain.Config);
    const history = await ask<{ CreatedBy: string; Comment: string; Size: number }[]>(
      engine,
      'GET',
      '/images/squashed:1/history',
    );
    expect(history[0]).toMatchObject({ CreatedBy: '', Comment: `merge ${plain.Id} to ${base.Id}` });
    expect(history.slice(0, 8).map(({ Size }) => Size > 0)).toEqual([true, ...Array<boolean>(7).fill(false)]);
    expect(history[1]?.CreatedBy).toBe('CMD ["x"]');
    const look = async (name: string): Promise<string> => {
      const places = '-xdev ! -path "/proc*" ! -path "/sys*" ! -path "/dev*" ! -path "/etc/[hmr]*"';
      const script = `find / ${places} | sort | xargs stat -c "%n %F %a %u:%g %h"; find / ${places} -type f -exec md5sum {} + | sort`;
      const { stdout } = await engine.silo(
        'run',
        '--rm',
        '--network=none',
        '--hostname=h',
        name,
        'sh',
        '-c',
        script,
      );
      return stdout.replace(/^(\S+ directory .*) \d+$/gm, '$1');
    };
    const [one, other] = [await look('plain:1'), await look('squashed:1')];
    expect(one).toContain('/work/a regular file 4755 0:0 2');
    expect(other).toBe(one);
    // A second one is known, a stage of the file counts as its base, and nothing made means nothing to put together.
    await build(files, { query: 't=again:1&squash=1' });
    expect((await inspect('again:1')).Id).toBe(squashed.Id);
    await build(
      { Dockerfile: 'FROM busybox AS s\nRUN echo 1 > /1\nFROM s\nRUN echo 2 > /2\nRUN echo 3 > /3\n' },
      { query: 't=stages:1&squash=1' },
    );
    expect((await inspect('stages:1')).RootFS.Layers).toHaveLength(base.RootFS.Layers.length + 2);
    await build({ Dockerfile: 'FROM busybox\nENV X=y\n' }, { query: 't=empty:1&squash=1' });
    expect((await inspect('empty:1')).RootFS.Layers).toEqual(base.RootFS.Layers);
    await build(
      { Dockerfile: 'FROM scratch\nCOPY file /a\nCOPY file /b\n', file: 'x' },
      { query: 't=scratch:1&squash=1' },
    );
    expect((await inspect('scratch:1')).RootFS.Layers).toHaveLength(1);
    expect((await dangling()).filter((id) => !before.includes(id))).toEqual([]);
  }, 90_000);

  test('what a build has done so far stays when somebody prunes meanwhile', async () => {
    // What other builds left is nobody's.
    await ask(engine, 'POST', '/build/prune?all=1');
    await ask(engine, 'POST', '/images/prune');
    const built = build({
      Dockerfile: `FROM busybox AS done
RUN echo kept > /kept
FROM busybox
RUN ${waits}; echo other
COPY --from=done /kept /kept
RUN cat /kept; echo it is there
`,
    });
    // The files of the first stage say whether the others are known: it is done before they begin.
    let container: { Id: string; Command: string } | undefined;
    await eventually(
      async () =>
        (container = (await running()).find(({ Command }) => Command.includes('echo other'))) !== undefined,
      30_000,
    );
    if (!container) throw new Error('the second stage does not run');
    const steps = async (): Promise<number> =>
      (await ask<unknown[]>(engine, 'GET', '/images/json?all=1')).length;
    const count = await steps();
    await ask(engine, 'POST', '/build/prune?all=1');
    await ask(engine, 'POST', '/images/prune');
    expect(await steps()).toBe(count);
    await release(container);
    expect(await built).toContain('it is there');
    // Then nothing keeps them.
    await ask(engine, 'POST', '/build/prune?all=1');
    expect(await steps()).toBeLessThan(count);
  }, 90_000);

  test('files of a stage count by content: a stage built anew with the same file keeps what is copied from it', async () => {
    const Dockerfile = `FROM busybox AS one
COPY version /version
RUN cat /version | cut -c1 > /first
FROM busybox
COPY --from=one /first /first
RUN cat /first
`;
    await build({ Dockerfile, version: 'abc\n' });
    const second = await build({ Dockerfile, version: 'axy\n' });
    expect(second.match(/Running in/g)).toHaveLength(1);
    expect(second.match(/Using cache/g)).toHaveLength(2);
    const third = await build({ Dockerfile, version: 'bcd\n' });
    expect(third.match(/Running in/g)).toHaveLength(2);
    // Nothing of the first stage is asked for when the last step is known.
    expect((await build({ Dockerfile, version: 'axy\n' })).match(/Using cache/g)).toHaveLength(4);
  }, 90_000);

  test('a stage that was gone and holds another file when it is made again costs no later build a step', async () => {
    const Dockerfile = `FROM busybox AS made
RUN cat /proc/sys/kernel/random/uuid > /id
FROM busybox
COPY --from=made /id /id
RUN cat /id
`;
    await build({ Dockerfile });
    await ask(engine, 'POST', '/images/prune');
    const again = await build({ Dockerfile });
    expect(again.match(/Running in/g)).toHaveLength(2);
    const [, id = ''] = /\n([0-9a-f-]{36})\n/.exec(again) ?? [];
    expect(id).not.toBe('');
    const third = await build({ Dockerfile: `${Dockerfile}RUN echo is $(cat /id)` });
    expect(third.match(/Using cache/g)).toHaveLength(3);
    expect(third).toContain(`is ${id}\n`);
  }, 90_000);

  test('a linked copy is made once and put upon whatever is below', async () => {
    const Dockerfile = 'FROM busybox\nCOPY b /b\nCOPY --link a /x/a\nRUN cat /b /x/a\n';
    expect(await build({ Dockerfile, a: 'a\n', b: 'one\n' })).toContain('one\na\n');
    expect(await build({ Dockerfile, a: 'a\n', b: 'two\n' })).toContain('two\na\n');
  }, 90_000);

  interface Built {
    Id: string;
    Created: string;
    RootFS: { Layers: string[] };
  }
  const inspected = (name: string): Promise<Built> => ask(engine, 'GET', `/images/${name}/json`);

  test('the same build at the same SOURCE_DATE_EPOCH has the same digest, and no file is younger', async () => {
    const Dockerfile = `FROM busybox
WORKDIR /made
COPY a /a/b/
RUN mkdir /x && echo text > /x/y && ln /x/y /x/z && ln -s y /x/l && rm /made/../bin/zcat
ENV A=b
CMD ["stat", "-c", "%Y", "/x/y", "/x", "/a/b", "/made"]
`;
    const query = (tag: string) =>
      `nocache=1&t=${tag}&buildargs=${encodeURIComponent(JSON.stringify({ SOURCE_DATE_EPOCH: '1000000000' }))}`;
    await build({ Dockerfile, a: 'a\n' }, { query: query('epoch:1') });
    await build({ Dockerfile, a: 'a\n' }, { query: query('epoch:2') });
    const first = await inspected('epoch:1');
    expect(first.Created).toStartWith('2001-09-09T01:46:40');
    expect((await inspected('epoch:2')).Id).toBe(first.Id);
    expect(await build({ Dockerfile: 'FROM epoch:1\nRUN stat -c %Y /x/y /x /a/b /made; ls /x\n' })).toContain(
      '\n1000000000\n1000000000\n1000000000\n1000000000\nl\ny\nz\n',
    );
  }, 90_000);

  test('SOURCE_DATE_EPOCH counts for linked copies whose layer is known already', async () => {
    const Dockerfile = `FROM busybox AS made
RUN echo text > /linked
FROM busybox
COPY --link --from=made /linked /linked
RUN stat -c %Y /linked > /times
`;
    const epoch = encodeURIComponent(JSON.stringify({ SOURCE_DATE_EPOCH: '1000000000' }));
    await build({ Dockerfile });
    await build({ Dockerfile }, { query: `t=linked:epoch&buildargs=${epoch}` });
    expect(await build({ Dockerfile: 'FROM linked:epoch\nRUN cat /times\n' })).toContain('\n1000000000\n');
  }, 90_000);

  test("the build's network counts for a RUN that names none", async () => {
    const Dockerfile = 'FROM busybox\nRUN [ -e /sys/class/net/eth0 ] && echo is wide || echo is narrow\n';
    expect(await build({ Dockerfile }, { query: 'networkmode=none' })).toContain('\nis narrow\n');
    expect(await build({ Dockerfile })).toContain('\nis wide\n');
    const { length } =
      (await build({ Dockerfile }, { query: 'networkmode=none' })).match(/Using cache/g) ?? [];
    expect(length).toBe(1);
  }, 60_000);

  test('the history tells every instruction, and which of them made a layer', async () => {
    const Dockerfile = `FROM busybox AS base
ARG WHO=world
ENV A=b
WORKDIR /
FROM base
WORKDIR /made
RUN echo hello > /file
RUN true
COPY a /a
CMD ["x", "y"]
`;
    await build({ Dockerfile, a: 'a\n' }, { query: 't=history:1' });
    interface Entry {
      CreatedBy: string;
      Size: number;
    }
    const history = await ask<Entry[]>(engine, 'GET', '/images/history:1/history');
    expect(history.toReversed().slice(-8)).toMatchObject(
      [
        'ARG WHO=world',
        'ENV A=b',
        'WORKDIR /',
        'WORKDIR /made',
        'RUN /bin/sh -c echo hello > /file',
        'RUN /bin/sh -c true',
        'COPY a /a',
        'CMD ["x" "y"]',
      ].map((CreatedBy) => ({ CreatedBy })),
    );
    expect(history.find(({ CreatedBy }) => CreatedBy.includes('hello'))?.Size).toBe(6);
    await build({ Dockerfile: 'FROM history:1\nUSER 7\n' }, { query: 't=history:2' });
    const above = await ask<Entry[]>(engine, 'GET', '/images/history:2/history');
    expect(above).toHaveLength(history.length + 1);
    expect((await inspected('history:2')).RootFS.Layers).toEqual(
      (await inspected('history:1')).RootFS.Layers,
    );
  }, 90_000);

  test('one build makes an index of several platforms; stages of the build platform run once for all', async () => {
    const Dockerfile = `FROM --platform=$BUILDPLATFORM busybox AS compile
RUN echo compiled > /program
FROM scratch
ARG TARGETPLATFORM
COPY --from=compile /program /program
LABEL for=$TARGETPLATFORM
`;
    const query = 't=both:1&platform=linux/amd64,linux/arm64';
    const text = await build({ Dockerfile }, { query });
    expect(text).toContain('Step 12/12 : LABEL for=$TARGETPLATFORM');
    expect(text.match(/Running in/g)).toHaveLength(2);
    for (const architecture of ['amd64', 'arm64'])
      expect(
        await ask(
          engine,
          'GET',
          `/images/both:1/json?platform=${encodeURIComponent(JSON.stringify({ os: 'linux', architecture }))}`,
        ),
      ).toMatchObject({ Architecture: architecture, Config: { Labels: { for: `linux/${architecture}` } } });
    const missing = await build(
      { Dockerfile: 'FROM scratch\nRUN ["/x"]\n' },
      { query: 'platform=linux/s390x' },
    );
    expect(missing).toContain('dockerfile line 2: RUN for linux/s390x needs an emulator on linux/');
  }, 90_000);

  test('stages of --no-cache-filter are done anew, the others are not', async () => {
    const Dockerfile =
      'FROM busybox AS one\nRUN echo a > /a\nFROM busybox AS two\nRUN echo b > /b\nCOPY --from=one /a /a\n';
    await build({ Dockerfile });
    const query = `nocachefilter=${encodeURIComponent('["two"]')}`;
    const text = await build({ Dockerfile }, { query });
    expect(text).toMatch(/RUN echo a > \/a\n ---> Using cache[^]*RUN echo b > \/b\n ---> Running in/);
  }, 90_000);

  for (const point of ['build.step.begun', 'build.step.done', 'build.step.kept', 'snapshot.layer.taken'])
    test(`an engine that dies at ${point} leaves nothing, and the next build goes on from the finished steps`, async () => {
      const files = {
        Dockerfile: `FROM busybox\nRUN echo ${point} > /one\nRUN echo ${point} > /two\nRUN echo ${point} > /three\n`,
      };
      // The base is no step, but is done like one.
      await build({ Dockerfile: 'FROM busybox\nRUN true\n' });
      await engine.kill();
      await engine.start({ fault: `${point}:2` });
      await build(files).catch(() => undefined);
      expect(await engine.died()).toBe('SIGKILL');
      await engine.start();
      expect(await ask<unknown[]>(engine, 'GET', '/containers/json?all=1')).toEqual([]);
      const text = await build(files);
      const done = point.endsWith('kept') ? 2 : 1;
      expect(text.match(/Using cache/g)).toHaveLength(done);
      expect(text.match(/Running in/g)).toHaveLength(3 - done);
    }, 90_000);
});
