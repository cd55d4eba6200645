import { expect, test } from 'bun:test';
import { sha256 } from '../../../foundation/oci/digest.ts';
import { parseReference } from '../../../foundation/oci/reference.ts';
import { lower } from '../graph/lower.ts';
import { parseDockerfile } from '../language/parse/parse-dockerfile.ts';
import { planStages } from '../language/stages/plan.ts';
import { platformArguments } from '../language/stages/predefined.ts';
import { readSource } from '../language/text/read-source.ts';
import { archiveContext, type BuildRequest } from '../solve/types.ts';
import { type BuildFacts, imageUri, provenance, statement } from './provenance.ts';

const text = `FROM busybox
ARG TOKEN
RUN --mount=type=secret,id=key --mount=type=ssh echo $TOKEN
`;
const given = new Map([['TOKEN', 'hunter2']]);
const host = { os: 'linux', architecture: 'amd64' };
const dockerfile = parseDockerfile(readSource('Dockerfile', Buffer.from(text)));
const platform = platformArguments({ build: host, target: host }, '');
const plan = planStages(dockerfile, { given, platform });
const digest = sha256('base');
const facts: BuildFacts = {
  startedAtMs: 0,
  finishedAtMs: 1000,
  invocation: 'one',
  dockerfile,
  graph: lower(dockerfile, plan, {
    given,
    platform,
    targetPlatform: 'linux/amd64',
    configOf: () => undefined,
  }),
  bases: [{ reference: parseReference('docker.io/library/busybox:latest'), digest, image: digest }],
};
const request: BuildRequest = {
  context: archiveContext((async function* () {})()),
  dockerfile: 'Dockerfile',
  tags: [],
  arguments: given,
  labels: { secret: 'label' },
  target: 'x',
  noCache: false,
  pull: false,
  network: 'default',
  client: { secret: () => Promise.resolve(Buffer.from('s3cret value')) },
  onProgress: () => true,
  drained: () => Promise.resolve(),
};

test('the short form has neither values of arguments nor names of secrets, and says so', () => {
  const short = provenance(request, facts, { mode: 'min', platform: 'linux/amd64' });
  expect(short).toMatchObject({
    buildDefinition: {
      externalParameters: { request: { args: { target: 'x' } } },
      resolvedDependencies: [{ digest: { sha256: digest.slice(7) } }],
    },
    runDetails: {
      metadata: {
        startedOn: '1970-01-01T00:00:00.000Z',
        finishedOn: '1970-01-01T00:00:01.000Z',
        buildkit_completeness: { request: false, resolvedDependencies: true },
      },
    },
  });
  const words = JSON.stringify(short);
  for (const word of ['hunter2', 'TOKEN', 'label', '"key"']) expect(words).not.toContain(word);
});

test('the long form has arguments, the file and the steps, and of a secret its name alone', () => {
  const long = provenance(request, facts, { mode: 'max', platform: 'linux/amd64' });
  expect(long).toMatchObject({
    buildDefinition: {
      externalParameters: {
        request: { args: { 'build-arg:TOKEN': 'hunter2' }, secrets: [{ id: 'key', optional: true }] },
      },
    },
    runDetails: {
      metadata: {
        buildkit_metadata: { source: { infos: [{ data: Buffer.from(text).toString('base64') }] } },
      },
    },
  });
  expect(JSON.stringify(long)).toContain('"title":"RUN');
  expect(JSON.stringify(long)).not.toContain('s3cret');
});

test('proxies are in neither form, also where the file declares them, and leave a build whole', () => {
  const proxied = new Map([
    ['HTTP_PROXY', 'http://ann:sesame@proxy:3128'],
    ['https_proxy', 'http://ann:sesame@proxy:3128'],
  ]);
  const own = parseDockerfile(
    readSource('Dockerfile', Buffer.from('FROM busybox\nARG HTTP_PROXY\nRUN true\n')),
  );
  const graph = lower(own, planStages(own, { given: proxied, platform }), {
    given: proxied,
    platform,
    targetPlatform: 'linux/amd64',
    configOf: () => undefined,
  });
  for (const mode of ['min', 'max'] as const) {
    const found = provenance(
      { ...request, arguments: proxied, labels: {} },
      { ...facts, dockerfile: own, graph },
      { mode, platform: 'linux/amd64' },
    );
    expect(JSON.stringify(found)).not.toContain('sesame');
    expect(found).toMatchObject({
      runDetails: { metadata: { buildkit_completeness: { request: true } } },
    });
  }
});

test('a statement is about the manifest, by each of its names', () => {
  const manifest = { mediaType: 'm', digest: sha256('manifest'), size: 1 };
  const names = [parseReference('localhost:5000/team/app:2'), parseReference('app:1')];
  const about = { manifest, names, platform: 'linux/arm64' };
  expect(JSON.parse(String(statement('p', {}, about)))).toMatchObject({
    predicateType: 'p',
    subject: [
      {
        name: 'pkg:docker/localhost%3A5000/team/app@2?platform=linux%2Farm64',
        digest: { sha256: manifest.digest.slice(7) },
      },
      { name: 'pkg:docker/app@1?platform=linux%2Farm64' },
    ],
  });
  expect(imageUri(parseReference('busybox:latest'), 'linux/amd64', digest)).toBe(
    `pkg:docker/busybox@latest?digest=${digest}&platform=linux%2Famd64`,
  );
});
