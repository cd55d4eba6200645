import { afterAll, beforeAll, expect, test } from 'bun:test';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { PassThrough, Readable } from 'node:stream';
import { runCli } from '../../src/frontends/cli/run-cli.ts';
import { version } from '../../src/bin/version.ts';

let folder = '';
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'silo-check-'));
  const write = (name: string, text: string): Promise<void> => writeFile(join(folder, name), text);
  await mkdir(join(folder, 'deploy'));
  await write('Dockerfile', 'ARG V=1\nFROM scratch AS app\nCOPY a /\n');
  await write('.dockerignore', '*.log\n');
  await write('deploy/app.Dockerfile', 'FROM scratch\nCOPY a b.log /\nMAINTAINER \u001b[2Jme\n');
  await write('deploy/app.Dockerfile.dockerignore', 'a\n');
  await write('broken', 'FROM scratch\nRNU x\n');
});
afterAll(() => rm(folder, { recursive: true, force: true }));

async function silo(
  words: readonly string[],
  {
    stdin = '',
    isTTY = false,
    env = {},
  }: { stdin?: string; isTTY?: boolean; env?: Record<string, string> } = {},
) {
  const stdout = Object.assign(new PassThrough(), { isTTY });
  const stderr = new PassThrough();
  const code = await runCli(
    words,
    {
      stdin: Readable.from([stdin]),
      stdout,
      stderr,
      env,
      cwd: folder,
      onSignal: () => ({ [Symbol.dispose]() {} }),
      now: () => 0,
    },
    { version },
  );
  const text = (stream: PassThrough): string => String(stream.read() ?? '');
  return { code, out: text(stdout), err: text(stderr) };
}

test('a clean file gives code 0, findings give 1', async () => {
  expect(await silo(['build', '--check', '.'])).toEqual({
    code: 0,
    out: 'Check complete, no warnings found.\n',
    err: '',
  });
  const found = await silo(['image', 'build', '--check', '-f', 'deploy/app.Dockerfile', '.']);
  expect(found.code).toBe(1);
  expect(found.out).toStartWith(
    'Check complete, 2 warnings have been found!\n\nWARNING: CopyIgnoredFile - docs/build-checks/copy-ignored-file.md\n',
  );
  expect(found.out).toContain('--> app.Dockerfile:2:6\n2 | COPY a b.log /\n  |      ^\n');
});

test("the patterns beside the Dockerfile stand before the context's", async () => {
  const both = await silo(['build', '--check', '-f', '-', '.'], { stdin: 'FROM scratch\nCOPY a b.log /\n' });
  expect(both.out).toContain('"b.log"');
  expect(both.out).not.toContain('"a"');
});

test('colours are for terminals, and text of the file cannot steer one', async () => {
  const plain = await silo(['build', '--check', '-f', 'deploy/app.Dockerfile', '.']);
  expect(plain.out).not.toContain('\u001b');
  const coloured = await silo(['build', '--check', '-f', 'deploy/app.Dockerfile', '.'], { isTTY: true });
  expect(coloured.out).toContain('\u001b[33mWARNING\u001b[0m');
  expect(coloured.out).not.toContain('\u001b[2J');
});

test('what cannot be built is told with its place, in both formats', async () => {
  const text = await silo(['build', '--check', '-f', 'broken', '.']);
  expect(text).toMatchObject({ code: 1, out: '' });
  expect(text.err).toStartWith(
    'dockerfile parse error on line 2: unknown instruction: RNU (did you mean RUN?)\n--> broken:2:1\n',
  );
  const json = await silo(['build', '--check', '--format', 'json', '-f', 'broken', '.']);
  expect(JSON.parse(json.out)).toMatchObject({
    warnings: [],
    buildError: {
      code: 'unknown-instruction',
      location: { file: 'broken', ranges: [{ start: { line: 2, character: 0 } }] },
    },
  });
  expect(json.code).toBe(1);
});

test('findings as JSON have the keys that clients of BuildKit read', async () => {
  const { out, code } = await silo(['build', '--check', '--format=json', '-f', '-', '.'], {
    stdin: 'from scratch AS a\n',
  });
  expect(code).toBe(1);
  expect(JSON.parse(out)).toMatchObject({
    warnings: [
      { ruleName: 'FromAsCasing', detail: expect.any(String), url: expect.any(String), location: {} },
    ],
  });
});

test('targets, arguments, and files that are not there are told with the nearest name', async () => {
  expect((await silo(['build', '--check', '--target', 'ap', '.'])).err).toContain(
    'target stage "ap" could not be found in Dockerfile (did you mean app?)',
  );
  expect((await silo(['build', '--check', '-f', 'Dockerfle', '.'])).err).toContain(
    'no such file or directory (did you mean Dockerfile?)',
  );
  expect((await silo(['build', '--check', 'deplyo'])).err).toContain(
    'path "deplyo" not found (did you mean deploy?)',
  );
  const unused = await silo(
    ['build', '--check', '--build-arg', 'W=1', '--build-arg', 'V', '--build-arg', 'HTTP_PROXY=x', '.'],
    { env: { V: '2' } },
  );
  expect(unused).toMatchObject({
    code: 0,
    err: '[Warning] build argument W is declared by no ARG of Dockerfile\n',
  });
});

test('an outline tells what whoever builds may give', async () => {
  const file = `# V the version
ARG V=1
ARG UNUSED=x
FROM scratch AS other
ARG NOT_NEEDED
FROM scratch:$V AS base
# TOKEN_FILE where it is
ARG TOKEN_FILE=/t
# app what runs
FROM base AS app
ARG V
ENV X=y
ARG FULL=$X-$V
RUN --mount=type=secret,id=token,required=true --mount=type=ssh make
RUN --mount=type=secret,id=token --mount=type=secret,id=extra make
`;
  const told = await silo(['build', '--call=outline', '-f', '-', '--build-arg', 'FULL=z\u001b[2J\nz', '.'], {
    stdin: file,
  });
  expect(told).toEqual({
    code: 0,
    err: '',
    out: `TARGET:        app
DESCRIPTION:   what runs

BUILD ARG    VALUE          DESCRIPTION
V            1              the version
TOKEN_FILE   /t             where it is
FULL         z\\u001b[2J z   

SECRET   REQUIRED
token    true
extra    

SSH       REQUIRED
default   
`,
  });
  const json = await silo(['build', '--call=outline', '--format=json', '-f', '-', '--target=other', '.'], {
    stdin: file,
  });
  expect(JSON.parse(json.out)).toEqual({
    name: 'other',
    args: [{ name: 'NOT_NEEDED', location: expect.anything() }],
  });
});

test('where nothing is built there is nothing to debug', async () => {
  for (const word of ['--check', '--call=targets', '--call=outline']) {
    const { code, err } = await silo(['build', 'debug', word, '.']);
    expect([code, err]).toEqual([1, expect.stringContaining('nothing to debug')]);
  }
});
