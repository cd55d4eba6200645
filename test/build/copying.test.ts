import { spawnSync } from 'node:child_process';
import { describe, expect, test } from 'bun:test';
import { archive, member, output } from '../../src/foundation/archive/tar-fixtures.ts';
import { skipReason } from '../crash/world.ts';
import type { TestEngine } from '../e2e/harness.ts';
import { ask } from '../e2e/objects.ts';
import { postBuild, useEngine } from './harness.ts';

if (skipReason) console.log(`skipped: copying into images: ${skipReason}`);

describe.skipIf(skipReason !== undefined)('copying into images', () => {
  let engine: TestEngine;
  let builds = 0;
  useEngine((started) => (engine = started));

  async function build(dockerfile: string, ...members: Buffer[]): Promise<{ name: string; text: string }> {
    const name = `copied:${builds++}`;
    const context = archive(member({ name: 'Dockerfile', content: dockerfile }), ...members);
    const { text } = await postBuild(engine, context, { query: `t=${name}` });
    return { name, text };
  }
  /** What the image of a build has below `/to`, one a line: name, owner, mode, and where links lead. */
  async function tree(dockerfile: string, ...members: Buffer[]): Promise<string[]> {
    const { name, text } = await build(dockerfile, ...members);
    expect(text).toContain('Successfully tagged');
    const list =
      'cd /to && find . -mindepth 1 | sort | while read f; do stat -c "%n %u:%g %a %h" "$f"; [ -L "$f" ] && readlink "$f"; done; true';
    const result = await engine.silo('run', '--rm', '--network=none', name, 'sh', '-c', list);
    expect(result).toMatchObject({ code: 0, stderr: '' });
    return result.stdout.trim().split('\n');
  }
  const layersOf = async (name: string): Promise<string[]> =>
    (await ask<{ RootFS: { Layers: string[] } }>(engine, 'GET', `/images/${name}/json`)).RootFS.Layers;

  const files = [
    member({ name: 'a/b/one.txt', content: '1' }),
    member({ name: 'a/b/two.md', content: '2' }),
    member({ name: 'a/run.sh', content: '#!', mode: 0o700 }),
    member({ type: 'directory', name: 'a', mode: 0o750 }),
    member({ type: 'symlink', name: 'a/link', linkName: 'b' }),
    member({ type: 'hardlink', name: 'a/hard', linkName: 'a/b/one.txt' }),
  ];

  test('folders come along with --parents, from the pivot on', async () => {
    expect(await tree('FROM busybox\nCOPY --parents a/b/*.txt a/./b/two.md /to/\n', ...files)).toEqual([
      './a 0:0 750 3',
      './a/b 0:0 755 2',
      './a/b/one.txt 0:0 644 1',
      './b 0:0 755 2',
      './b/two.md 0:0 644 1',
    ]);
    const { text } = await build('FROM busybox\nCOPY --parents a/./b/none /to/\n', ...files);
    expect(text).toContain('stat a/./b/none: file does not exist');
  }, 60_000);

  test('--exclude leaves out, modes are words, links and hard links stay what they are', async () => {
    expect(
      await tree(
        'FROM busybox\nCOPY --exclude=**/*.md --exclude=run* --chmod=go-rwx,u+X --chown=3:4 a /to/\n',
        ...files,
      ),
    ).toEqual(['./b 3:4 700 2', './b/one.txt 3:4 600 2', './hard 3:4 600 2', './link 3:4 777 1', 'b']);
  }, 60_000);

  test('folders on the way keep what they are in the base, whose links are followed within it', async () => {
    const from = `FROM busybox
RUN mkdir -m 700 -p /real/sub /to && chown 5:6 /real && ln -s ../../../real /to/link && ln -s /nowhere /to/dangling
`;
    expect(
      await tree(
        `${from}COPY a/run.sh /to/link/sub/\nCOPY a/run.sh /to/dangling\nRUN cp -a /real /nowhere /to/\n`,
        ...files,
      ),
    ).toEqual([
      './dangling 0:0 777 1',
      '/nowhere',
      './link 0:0 777 1',
      '../../../real',
      './nowhere 0:0 700 1',
      './real 5:6 755 3',
      './real/sub 0:0 700 2',
      './real/sub/run.sh 0:0 700 1',
    ]);
    for (const [line, message] of [
      ['COPY a/b/one.txt /real', undefined],
      ['COPY a /to/file', 'cannot copy to non-directory: /to/file'],
      ['COPY a/b/one.txt /to/file/below', 'cannot copy to non-directory: /to/file'],
    ] as const) {
      const { text } = await build(`${from}RUN touch /to/file\n${line}\n`, ...files);
      expect(text).toContain(message ?? 'Successfully tagged');
    }
  }, 60_000);

  test('a linked copy is one layer on every base, and is not read again', async () => {
    const on = (base: string): string => `FROM busybox\nRUN echo ${base} > /base\nCOPY --link a /to/x/\n`;
    const [one, other] = [await build(on('one'), ...files), await build(on('other'), ...files)];
    expect((await layersOf(one.name)).at(-1)).toBe((await layersOf(other.name)).at(-1) ?? '');
    expect((await layersOf(one.name)).at(-2)).not.toBe((await layersOf(other.name)).at(-2) ?? '');
    const shown = await engine.silo(
      'run',
      '--rm',
      '--network=none',
      other.name,
      'cat',
      '/base',
      '/to/x/b/two.md',
    );
    expect(shown.stdout).toBe('other\n2');
  }, 60_000);

  test('a missing file is told with the name that may have been meant', async () => {
    const { text } = await build('FROM busybox\nCOPY a/b/one.text /to/\n', ...files);
    expect(text).toContain('file not found in build context or excluded by .dockerignore: stat a/b/one.text');
    const hidden = await build('FROM scratch\nCOPY w /to/\n', member({ name: 'w/.wh.x', content: '' }));
    expect(hidden.text).toContain('mean deleted files in layers');
  }, 60_000);

  const hasPrograms = ['xz', 'bzip2'].every((program) => spawnSync(program, ['--help']).error === undefined);
  if (!hasPrograms) console.log('skipped: archives of xz and bzip2: the programs are not here');

  test.skipIf(!hasPrograms)(
    'archives of xz and bzip2 are unpacked, and other files of them are not',
    async () => {
      const packed = archive(member({ name: 'in/side', content: 'x'.repeat(100_000) }));
      const files = ['xz', 'bzip2'].flatMap((program) => [
        member({ name: `${program}.tar`, content: output(program, ['-c'], { input: packed }) }),
        member({ name: `${program}.text`, content: output(program, ['-c'], { input: Buffer.from('text') }) }),
      ]);
      const lines = ['FROM busybox', 'ADD xz.tar /to/xz/', 'ADD bzip2.tar xz.text bzip2.text /to/'];
      expect(await tree(lines.join('\n'), ...files)).toEqual([
        './bzip2.text 0:0 644 1',
        './in 0:0 755 2',
        './in/side 0:0 644 1',
        './xz 0:0 755 3',
        './xz.text 0:0 644 1',
        './xz/in 0:0 755 2',
        './xz/in/side 0:0 644 1',
      ]);
    },
    60_000,
  );

  test('patterns that match nothing copy nothing, and files of stages are read where their layers are', async () => {
    expect(
      await tree(`FROM busybox AS one
RUN mkdir -p /a/b /to && echo 1 > /a/b/f && ln /a/b/f /a/b/g && chown 3:4 /a/b/f && chmod 4711 /a/b/f && ln -s /etc /a/out && rm /bin/sh
FROM busybox
COPY none* /none/
COPY --from=one /a /to/
COPY --from=one --chmod=u=rw,go= /a/./b/[f] /to/named
COPY --from=one --parents /a/./b/f /to/p/
RUN [ ! -e /none ]
`),
    ).toEqual([
      './b 0:0 755 2',
      './b/f 3:4 4711 2',
      './b/g 3:4 4711 2',
      './named 3:4 600 1',
      './out 0:0 777 1',
      '/etc',
      './p 0:0 755 3',
      './p/b 0:0 755 2',
      './p/b/f 3:4 4711 1',
    ]);
  }, 60_000);
});
