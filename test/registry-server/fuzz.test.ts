import { expect, test } from 'bun:test';
import { connect } from 'node:net';
import { digestOf, makeManifest, putManifest, startLocalRegistry } from './harness.ts';

/** Another seed: SILO_FUZZ_SEED=7; more requests: SILO_FUZZ_ROUNDS=20000. */
const seed = Number(process.env['SILO_FUZZ_SEED'] ?? 20_261_121);
const rounds = Number(process.env['SILO_FUZZ_ROUNDS'] ?? 400);

/** Numbers from 0 to 1 that depend on the seed only (mulberry32). */
function createRandom(state: number): () => number {
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
  };
}

const known = digestOf('{}');
const names = [
  'fuzz/app',
  'a',
  'fuzz/app/blobs',
  'A',
  '..',
  '%2e%2e',
  'a%00b',
  'x'.repeat(300),
  '_catalog',
  'ü',
  '*',
  '',
];
const digests = [
  known,
  digestOf('absent'),
  digestOf('x', 'sha512'),
  'sha256:',
  'sha256:%2e%2e%2f',
  'md5:00',
  ':',
  '%',
];
const tags = ['v1', 'x'.repeat(128), 'x'.repeat(129), '.', '-', 'a b', '%00', 'latest'];
const methods = ['GET', 'HEAD', 'PUT', 'POST', 'PATCH', 'DELETE', 'OPTIONS', 'TRACE', 'BREW'];
const numbers = ['0', '1', '-1', '999999999999999999999', '4-2', 'NaN', ''];
const bodies = [
  '{}',
  '',
  '[]',
  'null',
  '{"schemaVersion":2}',
  '{"schemaVersion":2,"config":null}',
  '\u0000',
  'x'.repeat(70_000),
];

function createRequests(random: () => number, uploads: string[]): () => string {
  // The first of each list is the one that makes sense: taken often, so that requests get somewhere.
  const pick = <T>(from: readonly T[]): T =>
    from[random() < 0.4 ? 0 : Math.floor(random() * from.length)] ?? (from[0] as T);
  const number = (): string => (random() < 0.3 ? pick(numbers) : String(Math.floor(random() * 20)));
  const upload = (): string =>
    random() < 0.7 && uploads.length > 0 ? pick(uploads) : pick(['x', '..', '0'.repeat(49)]);
  const paths = [
    () => `/v2/${pick(names)}/manifests/${pick([...tags, ...digests])}`,
    () => `/v2/${pick(names)}/blobs/${pick(digests)}`,
    () => `/v2/${pick(names)}/blobs/uploads/${pick(['', '', upload()])}`,
    () => `/v2/fuzz/app/blobs/uploads/${upload()}`,
    () => `/v2/${pick(names)}/tags/list`,
    () => `/v2/${pick(names)}/referrers/${pick(digests)}`,
    () => pick(['/v2/_catalog', '/v2', '/v2/', '/', '//', '/v2/..', '/v2/%', '*', '/v2/a/b/c/d']),
  ];
  const queries = [
    () => `?digest=${pick(digests)}`,
    () => '',
    () => `?mount=${pick(digests)}&from=${pick(names)}`,
    () => `?n=${number()}&last=${pick(tags)}`,
    () => `?artifactType=${pick(tags)}`,
    () => '?digest-algorithm=sha512',
    () => '?%=%&&=',
  ];
  const headers = [
    () => `Content-Range: ${number()}-${number()}`,
    () => `Range: bytes=${number()}-${number()}`,
    () => `If-None-Match: "${pick(digests)}"`,
    () =>
      `Content-Type: ${pick(['application/vnd.oci.image.manifest.v1+json', 'text/html', ';', 'a/b; c=d'])}`,
    () => `Accept: ${pick(['*/*', 'text/html', ''])}`,
    () => 'Expect: 100-continue',
  ];
  // What works: the others need something to be wrong about.
  const sane = [
    () => ['POST', `/v2/fuzz/app/blobs/uploads/?digest=${known}`],
    () => ['POST', '/v2/fuzz/app/blobs/uploads/'],
    () => ['PUT', `/v2/fuzz/app/blobs/uploads/${upload()}?digest=${known}`],
    () => ['PATCH', `/v2/fuzz/app/blobs/uploads/${upload()}`],
  ];
  return () => {
    const body = pick(bodies);
    const [method, target] =
      random() < 0.2
        ? pick(sane)()
        : [methods[Math.floor(random() * methods.length)] ?? 'GET', pick(paths)() + pick(queries)()];
    const lines = [
      `${method} ${target} HTTP/1.1`,
      'Host: registry',
      'Connection: close',
      ...headers.filter(() => random() < 0.3).map((make) => make()),
      random() < 0.9 ? `Content-Length: ${Buffer.byteLength(body)}` : 'Transfer-Encoding: chunked',
    ];
    const payload = lines.at(-1)?.startsWith('Transfer')
      ? `${body.length.toString(16)}\r\n${body}\r\n0\r\n\r\n`
      : body;
    return `${lines.join('\r\n')}\r\n\r\n${body === '' && payload !== '' ? '0\r\n\r\n' : payload}`;
  };
}

/** The whole answer, until the server closes. */
function ask(port: number, request: string): Promise<string> {
  return new Promise((resolve, reject) => {
    const socket = connect(port, '127.0.0.1');
    const timer = setTimeout(() => {
      socket.destroy();
      reject(new Error(`no end of the answer to: ${request.slice(0, 400)}`));
    }, 30_000);
    let answer = '';
    socket.setEncoding('latin1').on('data', (text: string) => void (answer += text));
    // A server that refuses what it has not read whole may reset the connection.
    socket.on('error', () => undefined);
    socket.once('close', () => {
      clearTimeout(timer);
      resolve(answer);
    });
    socket.write(request);
  });
}

test('no request makes the registry fail, hang or forget', async () => {
  await using local = await startLocalRegistry();
  const port = Number(local.host.split(':')[1]);
  const document = await makeManifest(local.url, 'kept/app');
  await putManifest(local.url, { repository: 'kept/app', reference: 'v1' }, document);
  const uploads: string[] = [];
  const next = createRequests(createRandom(seed), uploads);
  const seen = new Set<string>();
  const one = async (round: number): Promise<void> => {
    const request = next();
    const answer = await ask(port, request);
    const final = answer.replace(/^HTTP\/1\.1 100[^\r]*\r\n\r\n/, '');
    const status = /^HTTP\/1\.1 (\d{3})/.exec(final)?.[1] ?? 'none';
    if (/^(5|none)/.test(status))
      throw new Error(`seed ${seed}, round ${round}: ${status} to ${request.slice(0, 600)}`);
    seen.add(status);
    const id = /Docker-Upload-UUID: (\S+)/i.exec(final)?.[1];
    if (id !== undefined && status === '202') uploads.splice(0, uploads.length > 4 ? 1 : 0, id);
  };
  for (let round = 0; round < rounds; round += 10)
    await Promise.all(Array.from({ length: 10 }, (_, index) => one(round + index)));
  for (const status of ['200', '201', '202', '400', '404', '405', '416']) expect(seen).toContain(status);
  expect(await (await fetch(`${local.url}/v2/kept/app/manifests/v1`)).text()).toBe(document);
});
