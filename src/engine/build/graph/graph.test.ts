import { expect, test } from 'bun:test';
import type { ImageRunConfig } from '../../../foundation/oci/image-config.ts';
import { parseDockerfile } from '../language/parse/parse-dockerfile.ts';
import { planStages } from '../language/stages/plan.ts';
import type { PlanOptions } from '../language/stages/plan.ts';
import { readSource } from '../language/text/read-source.ts';
import { cacheKey } from './cache-key.ts';
import { baseImages, lower } from './lower.ts';
import { inputsOf } from './vertex.ts';
import type { Vertex } from './vertex.ts';

const platform = new Map([['TARGETARCH', 'amd64']]);

function graphOf(text: string, options: Partial<PlanOptions> & { config?: ImageRunConfig } = {}) {
  const dockerfile = parseDockerfile(readSource('Dockerfile', Buffer.from(text)));
  const plan = planStages(dockerfile, { given: new Map(), platform, ...options });
  const { config, given = new Map<string, string>() } = options;
  return {
    plan,
    ...lower(dockerfile, plan, { given, platform, targetPlatform: 'linux/amd64', configOf: () => config }),
  };
}

const kinds = (text: string, options?: Parameters<typeof graphOf>[1]): string[] =>
  [...graphOf(text, options).vertices.values()].map(({ kind }) => kind);

function only<Kind extends Vertex['kind']>(
  text: string,
  kind: Kind,
  options?: Parameters<typeof graphOf>[1],
) {
  const found = [...graphOf(text, options).vertices.values()].filter((vertex) => vertex.kind === kind);
  expect(found).toHaveLength(1);
  return found[0] as Extract<Vertex, { kind: Kind }>;
}

test('stages that the target does not need make no vertices, and equal work is done once', () => {
  expect(kinds('FROM a AS x\nRUN one\nFROM scratch AS y\nFROM y\nCOPY a /')).toEqual([
    'scratch',
    'context',
    'copy',
    'meta',
  ]);
  const twice =
    'FROM a AS x\nRUN one\nFROM a AS y\nRUN one\nFROM scratch\nCOPY --from=x / /x\nCOPY --from=y / /y';
  expect(kinds(twice)).toEqual(['image', 'exec', 'scratch', 'copy', 'copy', 'meta']);
});

test('inputs stand before those who need them', () => {
  const { vertices, result } = graphOf(
    'FROM scratch AS a\nCOPY --from=b / /\nFROM debian AS b\nRUN x\nFROM a\nRUN --mount=from=b,target=/b y',
  );
  const seen = new Set<string>();
  for (const [id, vertex] of vertices) {
    for (const input of inputsOf(vertex)) expect(seen).toContain(input);
    seen.add(id);
  }
  expect([...vertices.keys()].at(-1)).toBe(result);
});

test('RUN sees arguments, environment, user, folder and shell as they stand at its line', () => {
  const text =
    'ARG G=g\nFROM base\nARG G A=1\nENV E=$A$G A=env\nUSER u\nWORKDIR w\nSHELL ["sh", "-ec"]\nRUN echo $A\nENV later=1';
  expect(only(text, 'exec', { config: { Env: ['PATH=/bin', 'B=base'], WorkingDir: '/home' } })).toMatchObject(
    {
      args: ['sh', '-ec', 'echo $A'],
      env: ['PATH=/bin', 'B=base', 'G=g', 'A=env', 'E=1g'],
      cwd: '/home/w',
      user: 'u',
      network: 'default',
    },
  );
});

test('here-documents are scripts, files of their own interpreter, or text for the shell', () => {
  const run = (text: string) => only(`FROM a\n${text}\n`, 'exec');
  expect(run('RUN <<E\na\nb\nE')).toMatchObject({ args: ['/bin/sh', '-c', 'a\nb\n'] });
  expect(run('RUN <<E\n#!/bin/x\na\nE')).toMatchObject({
    args: ['/dev/pipes/E'],
    script: '#!/bin/x\na\n',
  });
  expect(run('RUN <<"../e"\n#!/bin/x\n../e')).toMatchObject({ args: ['/dev/pipes/script'] });
  expect(run('RUN cat <<E > /f\na\nE')).toMatchObject({ args: ['/bin/sh', '-c', 'cat <<E > /f\na\nE'] });
});

test('COPY and ADD name their sources, destinations and contents', () => {
  const text = 'FROM scratch\nWORKDIR /w\nENV x=1\nCOPY --chown=$x a <<f ./\n$x \\$x\nf\n';
  expect(only(text, 'copy')).toMatchObject({
    sources: [{ path: 'a' }],
    contents: [{ name: 'f', data: '1 $x\n' }],
    destination: '/w/',
    chown: '1',
    unpack: 'never',
  });
  const add = 'FROM scratch\nADD https://example.com/a.git#main https://example.com/b c /d/\n';
  expect(kinds(add)).toEqual(['scratch', 'git', 'http', 'context', 'copy', 'meta']);
});

test('the configuration of the image is what the instructions say', () => {
  const text = `FROM base
LABEL a=$E b="two words"
EXPOSE 80 8000-8001/udp
VOLUME /v
CMD x y
ENTRYPOINT ["e"]
STOPSIGNAL SIGINT
HEALTHCHECK --interval=5s CMD ok
ONBUILD COPY --link a b
`;
  const { config } = only(text, 'meta', {
    config: { Env: ['E=e'], Labels: { base: '1' }, OnBuild: ['ENV T=1'], Cmd: ['old'] },
  });
  expect(config).toEqual({
    // Docker sets this one since Windows images needed it.
    ArgsEscaped: true,
    Env: ['E=e', 'PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin', 'T=1'],
    Labels: { base: '1', a: 'e', b: 'two words' },
    ExposedPorts: { '80/tcp': {}, '8000/udp': {}, '8001/udp': {} },
    Volumes: { '/v': {} },
    Cmd: ['/bin/sh', '-c', 'x y'],
    Entrypoint: ['e'],
    StopSignal: 'SIGINT',
    Healthcheck: { Test: ['CMD-SHELL', 'ok'], Interval: 5_000_000_000 },
    OnBuild: ['COPY --link a b'],
  });
});

test('a key has what the result depends on, and no secrets', () => {
  const key = (flags: string) => cacheKey(only(`FROM scratch\nRUN ${flags} x`, 'exec'));
  const plain = key('--mount=type=cache,target=/c');
  expect(plain.parts.map(({ kind }) => kind)).toEqual(['key']);
  expect(key('--mount=target=/x,source=sub').parts[1]).toMatchObject({ kind: 'content', paths: ['sub'] });
  expect(key('--mount=type=secret,id=s,mode=0400')).toEqual(key('--mount=type=secret,id=s,mode=0444'));
  expect(key('--network=none').definition).not.toBe(key('').definition);
  const copy = (flags: string) => cacheKey(only(`FROM scratch\nCOPY ${flags} a /`, 'copy'));
  expect(copy('').parts.map(({ kind }) => kind)).toEqual(['key', 'content']);
  expect(copy('--link').parts.map(({ kind }) => kind)).toEqual(['key', 'content']);
});

test('the images to look at are those of needed stages', () => {
  const { plan } = graphOf('FROM a\nFROM --platform=linux/arm64 b AS y\nFROM y');
  expect(baseImages(plan, 'linux/amd64')).toEqual([{ reference: 'b', platform: 'linux/arm64' }]);
});

test('what shows only with values is told with its place', () => {
  expect(() => graphOf('FROM scratch\nARG p=http\nEXPOSE $p')).toThrow(
    'line 3: invalid containerPort: http\n--> Dockerfile:3:8',
  );
  expect(() => graphOf('FROM scratch\nVOLUME $nothing')).toThrow(
    'line 2: VOLUME specified can not be an empty string',
  );
  expect(() => graphOf('FROM scratch\nARG s=no\nRUN --mount=type=cache,target=/c,sharing=$s x')).toThrow(
    'line 3: unsupported sharing value "no"',
  );
  expect(() => graphOf('FROM base', { config: { OnBuild: ['RNU x'] } })).toThrow(
    '--> ONBUILD of the base image:2:1',
  );
});

test('ENTRYPOINT drops the command of the base, and no other', () => {
  const end = (text: string) => only(text, 'meta', { config: { Cmd: ['old'] } }).config.Cmd;
  expect(end('FROM base\nLABEL a=1')).toEqual(['old']);
  expect(end('FROM base\nENTRYPOINT ["e"]')).toBeUndefined();
  expect(end('FROM base\nCMD ["c"]\nENTRYPOINT ["e"]')).toEqual(['c']);
  expect(end('FROM base AS a\nCMD ["c"]\nFROM a\nENTRYPOINT ["e"]')).toBeUndefined();
});

test('triggers come back as they were written, here-documents included', () => {
  const { config } = only('FROM scratch\nONBUILD COPY --chmod=600 <<-"E" /f\n\tone $x\n\tE\n', 'meta');
  const copy = only('FROM base', 'copy', { config });
  expect(copy).toMatchObject({
    contents: [{ name: 'E', data: 'one $x\n' }],
    chmod: '600',
    destination: '/f',
  });
});

test('triggers of a stage run in the stages upon it, as in Docker', () => {
  const text = 'FROM scratch AS a\nONBUILD LABEL x=1\nFROM a';
  expect(only(text, 'meta').config).toMatchObject({ Labels: { x: '1' }, WorkingDir: '/' });
  expect(only(text, 'meta').config.OnBuild).toBeUndefined();
});
