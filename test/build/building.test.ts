import { describe, expect, test } from 'bun:test';
import { readFileSync, symlinkSync, utimesSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { archive, member } from '../../src/foundation/archive/tar-fixtures.ts';
import { skipReason } from '../crash/world.ts';
import { programs, type TestEngine } from '../e2e/harness.ts';
import { ask } from '../e2e/objects.ts';
import { run } from '../e2e/run.ts';
import { contextOf, type Files, postBuild, type Posted, useEngine, writeContext } from './harness.ts';

if (skipReason) console.log(`skipped: building images: ${skipReason}`);

describe.skipIf(skipReason !== undefined)('building images', () => {
  let engine: TestEngine;
  useEngine((started) => (engine = started));

  const context = (name: string, files: Files): string => writeContext(engine, name, files);
  const built = async (...args: string[]): Promise<string> => {
    const result = await engine.silo('build', ...args);
    expect(result).toMatchObject({ code: 0, stderr: '' });
    return result.stdout;
  };
  const said = async (image: string, ...command: string[]): Promise<string> => {
    const result = await engine.silo('run', '--rm', '--network=none', image, ...command);
    expect(result).toMatchObject({ code: 0 });
    return result.stdout;
  };
  const containers = (): Promise<{ Id: string }[]> => ask(engine, 'GET', '/containers/json?all=1');
  const post = (tar: Buffer, query?: string): Promise<Posted> =>
    postBuild(engine, tar, query === undefined ? {} : { query });

  test('stages, arguments, variables, patterns, owners and archives come together as written', async () => {
    const folder = context('whole', {
      Dockerfile: `ARG BASE=busybox
FROM $BASE AS one
ARG WHO=world
ENV GREETING=hello
WORKDIR /srv/app
COPY sub/ ./data/
RUN echo "$GREETING $WHO" > out && cat data/deep/file >> out
FROM busybox AS unused
RUN exit 9
FROM busybox
COPY --from=one /srv/app/o* /bin/sh /result/
COPY --chown=5:6 --chmod=640 *.txt /texts/
ADD packed.tar /unpacked/
COPY <<here /etc/here
text of the file
here
USER 7
EXPOSE 80
VOLUME /data
LABEL a=b
CMD ["cat", "/result/out"]
`,
      'sub/deep/file': 'deep\n',
      'a.txt': 'a\n',
      'b.txt': 'b\n',
      'left.log': 'no\n',
      '.dockerignore': '*.log\nb.txt\n',
    });
    writeFileSync(join(folder, 'packed.tar'), archive(member({ name: 'in/side', content: 'x', uid: 3 })));
    const idFile = join(engine.directory, 'id');
    const output = await built(
      '-t',
      'whole:1',
      '-t',
      'whole:2',
      '--label',
      'c=d',
      '--build-arg',
      'WHO=you',
      '--iidfile',
      idFile,
      folder,
    );
    expect(output).toContain('\n#1 [one 1/6] FROM $BASE AS one\n');
    expect(output).toContain('\n#9 [stage-2 3/10] COPY --chown=5:6 --chmod=640 *.txt /texts/\n');
    expect(output).toContain('Successfully tagged whole:1\nSuccessfully tagged whole:2\n');
    const image = await ask<{ Id: string; Config: object; RootFS: { Layers: string[] } }>(
      engine,
      'GET',
      '/images/whole:2/json',
    );
    expect(readFileSync(idFile, 'utf8')).toBe(image.Id);
    expect(image.Config).toMatchObject({
      User: '7',
      ExposedPorts: { '80/tcp': {} },
      Volumes: { '/data': {} },
      Labels: { a: 'b', c: 'd' },
      Cmd: ['cat', '/result/out'],
    });
    expect(await said('whole:1')).toBe('hello you\ndeep\n');
    expect(
      await said(
        'whole:1',
        'sh',
        '-c',
        'cd /; stat -c "%n %u:%g %a" texts/* unpacked/in/side etc/here result/sh',
      ),
    ).toBe('texts/a.txt 5:6 640\nunpacked/in/side 3:0 644\netc/here 0:0 644\nresult/sh 0:0 755\n');
    expect(await containers()).toEqual([]);
  }, 60_000);

  test('what was built is not done again, and a changed file is done anew from where it is copied', async () => {
    const folder = context('cached', {
      Dockerfile: 'FROM busybox\nRUN echo first\nCOPY a /a\nRUN cat /a\nCMD ["x"]\n',
      a: 'one\n',
    });
    const id = (await built('-q', folder)).trim();
    utimesSync(join(folder, 'a'), 1, 1);
    const again = await built(folder);
    expect(again.match(/ CACHED$/gm)).toHaveLength(3);
    expect((await built('-q', folder)).trim()).toBe(id);
    writeFileSync(join(folder, 'a'), 'two\n');
    const changed = await built(folder);
    expect(changed.match(/ CACHED$/gm)).toHaveLength(1);
    expect(changed).toContain('\n#4 two\n');
    expect(await built('--no-cache', folder)).not.toContain('CACHED');
    const shown = await ask<{ Id: string; RepoTags: string[] }[]>(engine, 'GET', '/images/json');
    const all = await ask<unknown[]>(engine, 'GET', '/images/json?all=1');
    expect(shown.map((image) => image.Id)).toContain(id);
    expect(all.length).toBeGreaterThan(shown.length);
    await ask(engine, 'POST', '/build/prune');
    expect(await built(folder)).not.toContain('CACHED');
  }, 60_000);

  test('a RUN that fails ends the build with its exit code and leaves no container', async () => {
    const folder = context('failing', { Dockerfile: 'FROM busybox\nRUN echo oops; exit 3\n' });
    const result = await engine.silo('build', '-t', 'failing', folder);
    expect(result).toMatchObject({
      code: 1,
      stdout: expect.stringContaining('\n#2 oops\n'),
      stderr: expect.stringMatching(
        /^------\n > \[2\/2\] RUN echo oops; exit 3:\noops\n------\nDockerfile:2\n-+\n   1 \|     FROM busybox\n   2 \| >>> RUN echo oops; exit 3\n-+\n[^]*The command '\/bin\/sh -c echo oops; exit 3' returned a non-zero code: 3/,
      ),
    });
    expect(await containers()).toEqual([]);
    expect((await engine.api('GET', '/images/failing/json')).status).toBe(404);
  }, 60_000);

  test('names and links of a hostile context reach nothing outside of it', async () => {
    const file = (text: string): Buffer => member({ name: 'Dockerfile', content: text });
    const copy = file('FROM scratch\nCOPY x /x\n');
    const bad: [string, Buffer[]][] = [
      ['leads out of the tree', [copy, member({ name: '../../x', content: 'x' })]],
      [
        'leads out of the tree',
        [copy, member({ type: 'hardlink', name: 'x', linkName: '../../etc/passwd' })],
      ],
      [
        'is a hard link to a file that is not there',
        [copy, member({ type: 'hardlink', name: 'x', linkName: '/etc/passwd' })],
      ],
      [
        'lies below something that is no directory',
        [
          copy,
          member({ type: 'symlink', name: 'l', linkName: '/etc' }),
          member({ name: 'l/x', content: 'x' }),
        ],
      ],
    ];
    for (const [message, members] of bad) {
      const { status, text } = await post(archive(...members));
      expect(status).toBe(400);
      expect(text).toContain(message);
    }
    for (const target of ['/etc/passwd', '../../../../etc/passwd', 'x']) {
      const { text } = await post(
        archive(copy, member({ type: 'symlink', name: 'x', linkName: target })),
        't=links',
      );
      expect(text).toContain('Successfully built');
    }
    const link = file(
      'FROM busybox\nRUN ln -s / /out && rm -rf /srv && ln -s ../../../../.. /srv\nCOPY y /out/one/y\nCOPY y /srv/two/y\nRUN cat /one/y /two/y\n',
    );
    expect((await post(archive(link, member({ name: 'y', content: 'inside\n' })))).text).toContain('inside');
    expect((await post(archive(copy), 'dockerfile=../../etc/passwd')).text).toContain(
      'Cannot locate specified Dockerfile',
    );
    expect((await post(Buffer.alloc(700, 'x'))).status).toBe(400);
  }, 60_000);

  test("Docker's own client builds, with a Dockerfile beside the context, too", async () => {
    if (!programs.includes('docker')) return;
    const folder = context('docker', {
      'ctx/a': 'content\n',
      'ctx/.dockerignore': '.dockerignore\n',
      Dockerfile: 'FROM busybox\nCOPY . /all\nRUN ls -A /all\nRUN exit $CODE\n',
    });
    symlinkSync('a', join(folder, 'ctx/link'));
    const { command, env } = engine.client(
      'docker',
      'build',
      '-t',
      'docker:1',
      '-f',
      join(folder, 'Dockerfile'),
      join(folder, 'ctx'),
    );
    const result = await run(command, { env: { ...env, DOCKER_BUILDKIT: '0' } });
    expect(result).toMatchObject({
      code: 0,
      stdout: expect.stringMatching(
        /Step 3\/4 : RUN ls -A \/all\n ---> Running in \w{12}\na\nlink\n ---> \w{12}\n[^]*Successfully built \w{12}\nSuccessfully tagged docker:1\n$/,
      ),
    });
    expect(await built('-f', join(folder, 'Dockerfile'), join(folder, 'ctx'))).toMatch(
      / CACHED\n[^]* CACHED\n/,
    );
  }, 60_000);

  const sleeping = contextOf({ Dockerfile: 'FROM busybox\nRUN echo started; sleep 1000\n' });
  /** Resolves when the RUN has begun. */
  async function begin(signal: AbortSignal): Promise<void> {
    const { body } = await fetch('http://localhost/build', {
      method: 'POST',
      unix: engine.socket,
      body: sleeping,
      signal,
    });
    // Leaving a loop over the body would end the request.
    const reader = body?.getReader();
    let text = '';
    for (let next = await reader?.read(); next?.done === false; next = await reader?.read()) {
      text += Buffer.from(next.value).toString();
      if (text.includes('started\\n"')) return;
    }
    throw new Error(`the build ended: ${text}`);
  }

  test('a client that leaves ends the build, and its container goes', async () => {
    const watch = new AbortController();
    const filters = encodeURIComponent(JSON.stringify({ type: ['container'], event: ['destroy'] }));
    const { body } = await fetch(`http://localhost/events?filters=${filters}`, {
      unix: engine.socket,
      signal: watch.signal,
    });
    const leaving = new AbortController();
    await begin(leaving.signal);
    expect(await containers()).toHaveLength(1);
    leaving.abort();
    const reader = body?.getReader();
    expect(Buffer.from((await reader?.read())?.value ?? '').toString()).toContain('destroy');
    watch.abort();
    expect(await containers()).toEqual([]);
  }, 60_000);

  test('what an engine that was killed left of a build is gone after its next start', async () => {
    const waiting = new AbortController();
    await begin(waiting.signal);
    expect(await containers()).toHaveLength(1);
    await engine.kill();
    await engine.start();
    expect(await containers()).toEqual([]);
  }, 60_000);
});
