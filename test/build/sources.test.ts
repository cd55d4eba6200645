import { afterAll, beforeAll, describe, expect, test } from 'bun:test';
import { spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { createServer as createNetServer } from 'node:net';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { readFile } from 'node:fs/promises';
import { chmodSync, existsSync, mkdirSync, symlinkSync, writeFileSync } from 'node:fs';
import { createHash } from 'node:crypto';
import { join, normalize } from 'node:path';
import { gzipSync } from 'node:zlib';
import { archive, member, output } from '../../src/foundation/archive/tar-fixtures.ts';
import { skipReason } from '../crash/world.ts';
import { startEngine, type TestEngine } from '../e2e/harness.ts';
import { bootstrapBusybox } from '../e2e/objects.ts';
import { contextOf, postBuild } from './harness.ts';

if (skipReason) console.log(`skipped: sources of builds: ${skipReason}`);
const hasGit = spawnSync('git', ['--version']).error === undefined;
if (!hasGit) console.log('skipped: repositories as sources of builds: git is not here');
const withGit = test.skipIf(!hasGit);

describe.skipIf(skipReason !== undefined)('sources of builds', () => {
  let engine: TestEngine;
  let server: Server;
  let at = '';
  let builds = 0;
  /** What the server was asked, in order, since it was last looked at. */
  let asked: string[] = [];
  const answers = new Map<string, (request: IncomingMessage, response: ServerResponse) => void>();
  let repository = '';
  let commit = '';
  const git = (...args: string[]): string =>
    output('git', ['-c', 'user.name=t', '-c', 'user.email=t@t', '-c', 'commit.gpgsign=false', ...args], {
      cwd: repository,
    }).toString();

  function makeRepository(): void {
    repository = join(engine.directory, 'repository');
    mkdirSync(join(repository, 'sub/deep'), { recursive: true });
    writeFileSync(join(repository, 'Dockerfile'), 'FROM busybox\nCOPY . /to/\n');
    writeFileSync(join(repository, 'file'), 'main\n');
    writeFileSync(join(repository, '.gitattributes'), 'file export-ignore\n');
    writeFileSync(join(repository, 'sub/Dockerfile'), 'FROM busybox\nCOPY . /to/\n');
    writeFileSync(join(repository, 'sub/run.sh'), '#!/bin/sh\n', { mode: 0o755 });
    symlinkSync('../../../../etc/passwd', join(repository, 'sub/deep/link'));
    git('init', '--quiet', '--initial-branch=main', '.');
    git('add', '.');
    git('commit', '--quiet', '-m', 'one', '--date=2001-01-01T00:00:00Z');
    git('tag', '-a', 'v1', '-m', 'v1');
    commit = git('rev-parse', 'HEAD').trim();
    writeFileSync(join(repository, 'file'), 'later\n');
    git('commit', '--quiet', '-a', '-m', 'two');
    git('update-server-info');
  }

  beforeAll(async () => {
    engine = await startEngine();
    await bootstrapBusybox(engine);
    if (hasGit) makeRepository();
    server = createServer((request, response) => {
      const path = new URL(request.url ?? '', 'http://x').pathname;
      asked.push(`${request.method} ${path}`);
      const answer = answers.get(path);
      if (answer) return answer(request, response);
      const [, name = '', found] = /^\/(\w+)\.git(\/.*)$/.exec(path) ?? [];
      if (found === undefined) return void response.writeHead(404).end();
      readFile(join(name === 'r' ? repository : join(engine.directory, name), '.git', normalize(found))).then(
        (bytes) => response.end(bytes),
        () => response.writeHead(404).end(),
      );
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const address = server.address();
    at = `http://127.0.0.1:${typeof address === 'object' ? address?.port : 0}`;
  }, 60_000);
  afterAll(async () => {
    server.closeAllConnections();
    server.close();
    await engine[Symbol.asyncDispose]();
  }, 60_000);

  async function build(dockerfile: string, query = ''): Promise<{ name: string; text: string }> {
    const name = `sourced:${builds++}`;
    const context = dockerfile === '' ? Buffer.alloc(0) : contextOf({ Dockerfile: dockerfile });
    const { text } = await postBuild(engine, context, { query: `t=${name}${query}` });
    return { name, text };
  }
  async function said(built: { name: string; text: string }, script: string): Promise<string> {
    expect(built.text).toContain('Successfully tagged');
    const result = await engine.silo('run', '--rm', '--network=none', built.name, 'sh', '-c', script);
    expect(result).toMatchObject({ code: 0, stderr: '' });
    return result.stdout;
  }
  const look = (): string[] => asked.splice(0);

  test('a file from an address has the name, mode and time that Docker gives it, and is fetched once', async () => {
    answers.set('/d/some%20file', (request, response) => {
      response.setHeader('etag', '"1"').setHeader('last-modified', 'Sat, 03 Feb 2001 04:05:06 GMT');
      if (request.headers['if-none-match'] === '"1"') return void response.writeHead(304).end();
      response.end('content');
    });
    const dockerfile = `FROM busybox\nADD ${at}/d/some%20file?x=/y /to/\nADD --chmod=u+x,g+r --chown=3 ${at}/d/some%20file /to/named\n`;
    look();
    const built = await build(dockerfile);
    expect(await said(built, 'cd /to; stat -c "%n %u:%g %a %Y" *; cat named')).toBe(
      'named 3:3 740 981173106\nsome file 0:0 600 981173106\ncontent',
    );
    expect(look()).toEqual(['GET /d/some%20file', 'GET /d/some%20file']);
    const again = await build(dockerfile);
    expect(again.text.match(/Using cache/g)).toHaveLength(2);
    answers.set('/d/some%20file', (_, response) => void response.setHeader('etag', '"2"').end('changed'));
    expect(await said(await build(dockerfile), 'cat /to/named')).toBe('changed');
  }, 60_000);

  test('a checksum is compared, and what it names is not asked for again', async () => {
    const sum = createHash('sha256').update('pinned').digest('hex');
    answers.set('/pinned', (_, response) => void response.end('pinned'));
    const dockerfile = `FROM busybox\nADD --checksum=sha256:${sum} ${at}/pinned /to/\n`;
    expect(await said(await build(dockerfile), 'cat /to/pinned')).toBe('pinned');
    look();
    expect((await build(dockerfile)).text).toContain('Using cache');
    expect(look()).toEqual([]);
    const { text } = await build(dockerfile.replace(sum, '0'.repeat(64)));
    expect(text).toContain(`digest mismatch sha256:${sum}: sha256:${'0'.repeat(64)}`);
  }, 60_000);

  test('archives from addresses are unpacked only when that is wanted', async () => {
    const packed = gzipSync(archive(member({ name: 'in/side', content: 'x' })));
    answers.set('/a.tgz', (_, response) => void response.end(packed));
    const built = await build(`FROM busybox\nADD ${at}/a.tgz /to/\nADD --unpack=true ${at}/a.tgz /to/\n`);
    expect(await said(built, 'cd /to; find . -type f | sort')).toBe('./a.tgz\n./in/side\n');
  }, 60_000);

  test('servers that fail, lie, redirect for ever or give up encryption end the build with a message', async () => {
    answers.set('/gone', (_, response) => void response.writeHead(410).end());
    answers.set('/round', (_, response) => void response.writeHead(302, { location: '/round' }).end());
    answers.set(
      '/file',
      (_, response) => void response.writeHead(302, { location: 'file:///etc/passwd' }).end(),
    );
    answers.set(
      '/metadata',
      (_, response) => void response.writeHead(302, { location: 'http://169.254.169.254/' }).end(),
    );
    answers.set('/short', (_, response) => {
      response.writeHead(200, { 'content-length': '100' }).write('half');
      setImmediate(() => response.destroy());
    });
    answers.set('/lies', (_, response) => void response.writeHead(304).end());
    for (const [path, message] of [
      ['gone', 'invalid response status 410'],
      ['round', 'stopped after 10 redirects'],
      ['file', 'is no address that can be fetched'],
      ['metadata', 'reserved for this machine'],
      ['short', 'failed to fetch|aborted|connection|premature'],
      ['lies', 'invalid response status 304'],
    ] as const) {
      const { text } = await build(`FROM scratch\nADD ${at}/${path} /to/\n`);
      expect(text).toMatch(new RegExp(message, 'i'));
      expect(text).not.toContain('Successfully');
    }
  }, 60_000);

  withGit(
    'a repository gives the files of a commit, all of them, and its links stay links',
    async () => {
      const built = await build(
        `FROM busybox\nADD ${at}/r.git#v1 /to/\nADD --keep-git-dir=true ${at}/r.git#main:sub /to/s\nADD ${at}/r.git#${commit}:/sub/deep /to/d/\n`,
      );
      expect(
        await said(
          built,
          'cd /to; cat file; ls -A . s d; stat -c "%a %Y" sub/run.sh; readlink d/link; [ -e s/.git/hooks ] || cat s/.git/HEAD',
        ),
      ).toMatch(
        /^main\n\.:\n\.gitattributes\nDockerfile\nd\nfile\ns\nsub\n\nd:\nlink\n\ns:\n\.git\nDockerfile\ndeep\nrun\.sh\n755 \d+\n\.\.\/\.\.\/\.\.\/\.\.\/etc\/passwd\n[0-9a-f]{40}\n$/,
      );
    },
    60_000,
  );

  withGit(
    'an unchanged commit is a step that is there already, and only asked for by its name',
    async () => {
      const dockerfile = `FROM busybox\nADD ${at}/r.git#main:sub /to/\n`;
      await build(dockerfile);
      look();
      expect((await build(dockerfile)).text).toContain('Using cache');
      expect(look()).toEqual(['GET /r.git/info/refs', 'GET /r.git/HEAD']);
      const { text } = await build(dockerfile.replace('ADD', `ADD --checksum=${'0'.repeat(40)}`));
      expect(text).toContain(`expected checksum to match ${'0'.repeat(40)}`);
    },
    60_000,
  );

  withGit(
    'addresses, refs and folders that a program could take for something else are refused',
    async () => {
      for (const [address, message] of [
        [`${at}/r.git#--upload-pack=touch`, 'is no name of a ref'],
        [`${at}/r.git#main:../../etc`, 'is no folder in a repository'],
        [`${at}/r.git#main:-x`, 'is no folder in a repository'],
        [`${at}/r.git#main:.git/config`, 'is no folder in a repository'],
        [`${at}/r.git#a..b`, 'is no name of a ref'],
        [`${at}/r.git#none`, 'has no ref'],
        [`${at}/r.git#main:none`, 'has no folder'],
        [`${at}/none.git`, 'git ls-remote failed'],
        [`${at}/r.git?branch=main&what=1`, 'unexpected query'],
        [`${at}/r.git?ref=main#v1`, 'ref conflicts'],
        [`${at}/r.git?branch=main&commit=${'0'.repeat(40)}`, 'expected checksum to match'],
        ['ssh://-oProxyCommand=x/r.git', 'names no host'],
        ['git@host:-path.git', 'names no host'],
        ['git@host:path.git', 'the build has no SSH agent'],
      ] as const) {
        const { text } = await build(`FROM scratch\nADD ${address} /to/\n`);
        expect(text).toContain(message);
      }
    },
    60_000,
  );

  /** A repository of its own with these files, and commits of others in folders. */
  function repositoryOf(
    name: string,
    files: Record<string, string>,
    submodules: Record<string, string> = {},
  ): string {
    const folder = join(engine.directory, name);
    mkdirSync(folder);
    const inside = (...args: string[]): string =>
      output('git', ['-c', 'user.name=t', '-c', 'user.email=t@t', '-c', 'commit.gpgsign=false', ...args], {
        cwd: folder,
      }).toString();
    inside('init', '--quiet', '--initial-branch=main', '.');
    for (const [path, content] of Object.entries(files)) {
      mkdirSync(join(folder, path, '..'), { recursive: true });
      writeFileSync(join(folder, path), content);
    }
    inside('add', '.');
    for (const [path, hash] of Object.entries(submodules))
      inside('update-index', '--add', '--cacheinfo', `160000,${hash},${path}`);
    inside('commit', '--quiet', '-m', name);
    inside('update-server-info');
    return inside('rev-parse', 'HEAD').trim();
  }
  const module = (path: string, url: string): string =>
    `[submodule "${path}"]\n\tpath = ${path}\n\turl = ${url}\n`;

  withGit(
    'files of submodules are in their folders, unless they are left out; words of the address say what of a repository',
    async () => {
      const inner = repositoryOf('inner', { deep: 'inner\n' });
      const middle = repositoryOf(
        'middle',
        { file: 'middle\n', '.gitmodules': module('in/side', '../inner.git') },
        { 'in/side': inner },
      );
      repositoryOf(
        'outer',
        { top: 'outer\n', 'dir/x': 'x\n', '.gitmodules': module('dir/sub', `${at}/middle.git`) },
        { 'dir/sub': middle, unnamed: inner },
      );
      const built = await build(`FROM busybox
ADD ${at}/outer.git /whole/
ADD ${at}/outer.git?submodules=false /alone/
ADD ${at}/outer.git?branch=main&subdir=dir/sub/in /in/
ADD ${at}/outer.git?keep-git-dir=1#main:dir /dir/
`);
      expect(
        await said(
          built,
          'cd /; find whole alone in dir -path dir/.git -prune -o -type f -print | sort; ls whole/unnamed; cat in/side/deep; cat dir/.git/HEAD | wc -c',
        ),
      ).toBe(
        'alone/.gitmodules\nalone/dir/x\nalone/top\ndir/sub/.gitmodules\ndir/sub/file\ndir/sub/in/side/deep\ndir/x\nin/side/deep\nwhole/.gitmodules\nwhole/dir/sub/.gitmodules\nwhole/dir/sub/file\nwhole/dir/sub/in/side/deep\nwhole/dir/x\nwhole/top\ninner\n41\n',
      );
      expect((await build(`FROM busybox\nADD ${at}/outer.git /whole/\n`)).text).toContain('Using cache');
    },
    60_000,
  );

  withGit(
    'a repository cannot send Git where its author likes: programs, files, options, this machine',
    async () => {
      const hash = '1'.repeat(40);
      const witness = join(engine.directory, 'witness');
      const hostile = {
        ext: [module('s', `ext::sh -c touch% ${witness}`), 'invalid Git address'],
        file: [module('s', `file://${repository}`), 'invalid Git address'],
        path: [module('s', repository), 'invalid Git address'],
        option: [module('s', `--upload-pack=touch ${witness}`), 'invalid Git address'],
        dash: [module('s', `ssh://-oProxyCommand=touch%20${witness}/x`), 'invalid Git address'],
        up: [module('s', '../../../../../etc'), 'leads out of the server'],
        cloud: [module('s', 'http://169.254.169.254/x.git'), 'is reserved for this machine'],
        agent: [module('s', 'git@host:x.git'), 'the build has no SSH agent'],
        command: [
          `${module('s', `${at}/none.git`)}\tupdate = !touch ${witness}\n[include]\n\tpath = ${witness}\n`,
          'git fetch failed',
        ],
      };
      for (const [name, [text = '', message = '']] of Object.entries(hostile)) {
        repositoryOf(`x${name}`, { '.gitmodules': text }, { s: hash });
        const said = (await build(`FROM scratch\nADD ${at}/x${name}.git /to/\n`)).text;
        expect(said).toContain(message);
        expect(said).toContain('submodule "s"');
      }
      expect(existsSync(witness)).toBe(false);
    },
    60_000,
  );

  withGit(
    'a redirect leads Git elsewhere only from what the build names, and without a password',
    async () => {
      const inner = repositoryOf('target', { deep: 'inner\n' });
      repositoryOf('redirected', { '.gitmodules': module('s', `${at}/moved.git`) }, { s: inner });
      const told: string[] = [];
      for (const path of ['info/refs', 'HEAD', `objects/${inner.slice(0, 2)}/${inner.slice(2)}`])
        answers.set(`/moved.git/${path}`, (request, response) => {
          told.push(request.headers['authorization'] ?? '');
          response.writeHead(302, { location: `${at}/target.git${request.url?.slice(10)}` }).end();
        });
      const folder = join(engine.directory, 'redirects');
      mkdirSync(folder);
      look();
      for (const [address, words] of [
        [`${at}/redirected.git`, 'submodule "s": git fetch failed'],
        [`${at.replace('//', '//ann:sesame@')}/moved.git`, 'git ls-remote failed'],
      ] as const) {
        writeFileSync(join(folder, 'Dockerfile'), `FROM scratch\nADD ${address} /to/\n`);
        const { code, stderr } = await engine.silo('build', '--progress=plain', folder);
        expect(code).not.toBe(0);
        expect(stderr).toContain(words);
        expect(stderr).toContain('write the address that it leads to');
      }
      expect(look().filter((line) => line.includes('target.git'))).toEqual([]);
      expect(told.length).toBeGreaterThan(0);
      const named = await build(`FROM busybox\nADD ${at}/moved.git /to/\n`);
      expect(await said(named, 'cat /to/deep')).toBe('inner\n');
    },
    60_000,
  );

  withGit(
    'Git speaks SSH by the agent of the client, to servers whose keys it knows',
    async () => {
      const agent = join(engine.directory, 'agent.sock');
      const agents = createNetServer((socket) => socket.destroy()).listen(agent);
      const greetings: string[] = [];
      const listener = createNetServer((socket) => {
        socket.once('data', (bytes) => {
          greetings.push(bytes.toString());
          socket.end('nothing that a server of SSH says\r\n'.repeat(100));
        });
      }).listen(0, '127.0.0.1');
      await once(listener, 'listening');
      const address = listener.address();
      const port = typeof address === 'object' ? address?.port : 0;
      try {
        const folder = join(engine.directory, 'over-ssh');
        mkdirSync(folder);
        writeFileSync(
          join(folder, 'Dockerfile'),
          `FROM scratch\nADD ssh://git@127.0.0.1:${port}/x.git /to/\n`,
        );
        const { code, stderr } = await engine.silo(
          'build',
          '--progress=plain',
          '--ssh',
          `default=${agent}`,
          folder,
        );
        expect(code).not.toBe(0);
        expect(stderr).toContain('git ls-remote failed');
        expect(greetings.length === 0 ? stderr : greetings[0]).toMatch(
          /^SSH-2\.0-|ssh: not found|ssh: No such file/m,
        );
      } finally {
        agents.close();
        listener.close();
      }
    },
    60_000,
  );

  withGit(
    'the context may be a repository, an archive or a lone Dockerfile somewhere else',
    async () => {
      const remote = (path: string): string => `&remote=${encodeURIComponent(`${at}${path}`)}`;
      expect(await said(await build('', remote('/r.git#v1:sub')), 'cd /to; ls')).toBe(
        'Dockerfile\ndeep\nrun.sh\n',
      );
      const packed = gzipSync(
        archive(
          member({ name: 'Dockerfile', content: 'FROM busybox\nCOPY . /to/\n' }),
          member({ name: '.dockerignore', content: 'no*\n' }),
          member({ name: 'yes', content: 'y' }),
          member({ name: 'not', content: 'n' }),
        ),
      );
      answers.set('/context.tgz', (_, response) => void response.end(packed));
      expect(await said(await build('', remote('/context.tgz')), 'cd /to; ls')).toBe('Dockerfile\nyes\n');
      // What is fetched by ADD itself stays packed; the same bytes in the context do not.
      const inner = archive(member({ name: 'inside', content: 'x' }));
      answers.set('/inner.tar', (_, response) => void response.end(inner));
      const adding = (source: string) =>
        archive(
          member({ name: 'Dockerfile', content: `FROM busybox\nADD ${source} /to/\n` }),
          member({ name: 'inner.tar', content: inner }),
        );
      for (const [source, files] of [
        [`${at}/inner.tar`, 'inner.tar'],
        ['inner.tar', 'inside'],
      ] as const) {
        answers.set('/adds.tar', (_, response) => void response.end(adding(source)));
        expect(await said(await build('', remote('/adds.tar')), 'cd /to; ls')).toBe(`${files}\n`);
      }
      answers.set('/Containerfile', (_, response) => void response.end('FROM busybox\nRUN echo hi > /to\n'));
      expect(await said(await build('', remote('/Containerfile')), 'cat /to')).toBe('hi\n');
      expect((await build('', '&remote=file:///etc/passwd')).text).toContain('is no address of a context');
    },
    60_000,
  );

  withGit(
    'named contexts stand for stages and images: folders, addresses, image layouts, other stages',
    async () => {
      const folder = join(engine.directory, 'named');
      const layout = join(engine.directory, 'layout');
      for (const each of [folder, layout, join(folder, 'root')]) mkdirSync(each, { recursive: true });
      writeFileSync(join(folder, 'root', 'own'), 'own');
      writeFileSync(
        join(folder, 'Dockerfile'),
        `FROM scratch AS empty
COPY --from=files /own /a
COPY --from=repository sub/run.sh /b
FROM busybox AS real
RUN echo real > /c
FROM files AS rooted
FROM replaced AS not
RUN exit 1
FROM base
COPY --from=empty / /to/
COPY --from=rooted / /to/
COPY --from=not /c /to/
`,
      );
      expect(await engine.silo('save', '-o', join(layout, 'image.tar'), 'busybox')).toMatchObject({
        code: 0,
      });
      output('tar', ['-xf', 'image.tar'], { cwd: layout });
      const contexts = [
        `files=${join(folder, 'root')}`,
        `repository=${at}/r.git`,
        `base=oci-layout://${layout}`,
        'not=target:real',
      ];
      const built = await engine.silo(
        'build',
        '-t',
        'named',
        ...contexts.flatMap((each) => ['--build-context', each]),
        folder,
      );
      expect(built).toMatchObject({ code: 0 });
      const shown = await engine.silo(
        'run',
        '--rm',
        '--network=none',
        'named',
        'sh',
        '-c',
        'cd /to; echo *; cat c',
      );
      expect(shown.stdout).toBe('a b c own\nreal\n');
    },
    60_000,
  );

  test('of an image layout the platform of the build is taken, and another one with a warning', async () => {
    const folder = join(engine.directory, 'platforms');
    const layout = join(folder, 'layout');
    const out = join(folder, 'out');
    mkdirSync(layout, { recursive: true });
    writeFileSync(
      join(folder, 'Dockerfile'),
      'FROM scratch AS made\nARG TARGETARCH\nCOPY <<EOF /arch\n${TARGETARCH}\nEOF\nFROM base AS taken\n',
    );
    const run = async (...args: string[]): Promise<string> => {
      const ran = await engine.silo('build', ...args, folder);
      expect(ran).toMatchObject({ code: 0 });
      return ran.stdout + ran.stderr;
    };
    const packed = join(folder, 'layout.tar');
    await run('--target=made', '--platform=linux/amd64,linux/arm64', '-o', `type=oci,dest=${packed}`);
    output('tar', ['-xf', packed], { cwd: layout });
    const take = async (platform: string): Promise<string> =>
      await run(
        '--target=taken',
        `--platform=${platform}`,
        `--build-context=base=oci-layout://${layout}`,
        '-o',
        `type=local,dest=${out}`,
      );
    for (const name of ['arm64', 'amd64']) {
      await take(`linux/${name}`);
      expect(await readFile(join(out, 'arch'), 'utf8')).toBe(`${name}\n`);
    }
    expect(await take('linux/s390x')).toContain('expected "linux/s390x"');
  }, 60_000);

  test('a stage from a named context has the platform of the build, and its files are as they are', async () => {
    const folder = join(engine.directory, 'rooted');
    for (const each of ['full/closed', 'empty']) mkdirSync(join(folder, each), { recursive: true });
    chmodSync(join(folder, 'full/closed'), 0o1710);
    writeFileSync(join(folder, 'full/own'), 'own', { mode: 0o4750 });
    chmodSync(join(folder, 'full/own'), 0o4750);
    writeFileSync(
      join(folder, 'Dockerfile'),
      `FROM full AS replaced
FROM nothing AS bare
FROM replaced AS second
FROM --platform=$BUILDPLATFORM busybox AS look
COPY --from=second / /to/
COPY --from=bare / /to/
RUN cd /to && stat -c '%n %u:%g %a' * > /told
FROM replaced
COPY --from=look /told /told
`,
    );
    const out = join(folder, 'out');
    for (const [target, name] of [
      ['', 'rooted:told'],
      ['replaced', 'rooted:replaced'],
      ['bare', 'rooted:bare'],
    ] as const) {
      const built = await engine.silo(
        'build',
        '--platform=linux/s390x',
        `--target=${target}`,
        `--build-context=full=${join(folder, 'full')}`,
        `--build-context=nothing=${join(folder, 'empty')}`,
        '-t',
        name,
        '-o',
        `type=local,dest=${out}`,
        '-o',
        'type=docker',
        folder,
      );
      expect(built).toMatchObject({ code: 0 });
      const { stdout } = await engine.silo('image', 'inspect', '--format', '{{.Architecture}}', name);
      expect(stdout).toBe('s390x\n');
    }
    expect(await readFile(join(out, 'told'), 'utf8')).toBe('closed 0:0 1710\nown 0:0 4750\n');
  }, 60_000);

  withGit(
    'a client that leaves ends the Git that waits for a server',
    async () => {
      const left = Promise.withResolvers<void>();
      const arrived = Promise.withResolvers<void>();
      answers.set('/hang.git/info/refs', (request) => {
        request.socket.once('close', () => left.resolve());
        arrived.resolve();
      });
      const client = new AbortController();
      const context = contextOf({ Dockerfile: `FROM scratch\nADD ${at}/hang.git /to/\n` });
      const building = postBuild(engine, context, { signal: client.signal }).catch(() => 'left');
      await arrived.promise;
      client.abort();
      expect(await building).toBe('left');
      await left.promise;
    },
    60_000,
  );
});
