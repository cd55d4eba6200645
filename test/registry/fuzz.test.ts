import { describe, expect, test } from 'bun:test';
import { SiloError } from '../../src/foundation/base/errors.ts';
import { chainIds } from '../../src/foundation/oci/chain-id.ts';
import { parseImageConfig } from '../../src/foundation/oci/image-config.ts';
import { parseManifestDocument } from '../../src/foundation/oci/manifest.ts';
import { formatReference, familiarName, parseReference } from '../../src/foundation/oci/reference.ts';
import { parseChallenges } from '../../src/resources/distribution/challenge.ts';
import { redirectTarget } from '../../src/resources/distribution/exchange.ts';
import { nextQuery } from '../../src/resources/distribution/list-tags.ts';
import { parseRealm } from '../../src/resources/distribution/realm.ts';
import { replyError } from '../../src/resources/distribution/registry-errors.ts';
import { retryAfterMs } from '../../src/resources/distribution/retry.ts';
import { mayReach, splitHostPort } from '../../src/resources/distribution/trust.ts';
import { createRandom, type Random } from '../api/random.ts';
import { sampleImage, sampleIndex } from './sample-image.ts';

/** `SILO_SEED=N` takes other ways; what fails tells its seed. */
const seed = Number(process.env['SILO_SEED'] ?? 1);
/** So long per parser, whatever the machine. */
const budgetMs = 400;

/** Feeds what `make` makes; every answer but a `SiloError` of a client's or registry's fault is a mistake of ours. */
function fuzz<T>(make: (random: Random) => T, read: (input: T) => void): number {
  const random = createRandom(seed);
  const end = performance.now() + budgetMs;
  let taken = 0;
  for (let round = 0; round < 20_000 && (round % 50 !== 0 || performance.now() < end); round++) {
    const input = make(random);
    const begun = performance.now();
    try {
      read(input);
      taken++;
    } catch (error) {
      const isOurs = !(error instanceof SiloError) || error.kind === 'internal';
      if (isOurs) throw new Error(`SILO_SEED=${seed}: ${show(input)}`, { cause: error });
    }
    const tookMs = performance.now() - begun;
    // Nothing that is read takes longer than a blink, however slow the machine.
    if (tookMs > 10_000) throw new Error(`SILO_SEED=${seed}: ${tookMs} ms for ${show(input)}`);
  }
  return taken;
}

const show = (input: unknown): string =>
  (input instanceof Uint8Array ? Buffer.from(input).toString('latin1') : JSON.stringify(input)).slice(0, 500);

const letters = [
  ...'aZ09._-/:@[]%?#\\"\'=, \t\n\0é☃'.split(''),
  'sha256:',
  'localhost',
  '127.0.0.1',
  '::1',
  'a'.repeat(300),
];
const text = (random: Random, longest: number): string =>
  Array.from({ length: random.below(longest) }, () => random.pick(letters)).join('');

/** Some damage to good text. */
function damaged(random: Random, good: string, longest = 12): string {
  let result = good;
  for (let hits = random.below(4); hits >= 0; hits--) {
    const at = random.below(result.length + 1);
    result = result.slice(0, at) + text(random, longest) + result.slice(at + random.below(4));
  }
  return result;
}

describe('random input never brings a parser down', () => {
  test('references, which are stable once they were read', () => {
    const good = [
      'busybox',
      'docker.io/library/busybox:1.36',
      `[::1]:5000/team/app@sha256:${'a'.repeat(64)}`,
      'localhost/x_y/z-1:T',
    ];
    const taken = fuzz(
      (random) => (random.chance(30) ? text(random, 20) : damaged(random, random.pick(good), 3)),
      (input) => {
        const first = parseReference(input);
        expect(parseReference(formatReference(first))).toEqual(first);
        expect(parseReference(familiarName(first))).toEqual(first);
      },
    );
    expect(taken).toBeGreaterThan(10);
  });

  const documents = [
    sampleImage().documents[0]?.bytes ?? Buffer.alloc(0),
    sampleIndex({ 'linux/amd64': sampleImage() }).documents[0]?.bytes ?? Buffer.alloc(0),
  ];
  test('manifests and indexes', () => {
    fuzz(
      (random) => damagedJson(random, random.pick(documents)),
      (bytes) => {
        const document = parseManifestDocument(bytes);
        const descriptors =
          document.kind === 'manifest' ? [document.manifest.config] : document.index.manifests;
        for (const { digest, size } of descriptors) {
          expect(String(digest)).toMatch(/^sha(256|512):[0-9a-f]+$/);
          expect(size).toBeGreaterThanOrEqual(0);
        }
      },
    );
  });

  test('image configurations', () => {
    const good = sampleImage().blobs[0]?.bytes ?? Buffer.alloc(0);
    fuzz(
      (random) => damagedJson(random, good),
      (bytes) => void chainIds(parseImageConfig(bytes, 2).rootfs.diff_ids),
    );
  });

  test('challenges and realms', () => {
    const good = [
      'Bearer realm="https://auth.example/token",service="registry",scope="repository:a/b:pull,push"',
      'Basic realm="x", Bearer realm=y, error="insufficient_scope"',
    ];
    fuzz(
      (random) => (random.chance(20) ? text(random, 60) : damaged(random, random.pick(good))),
      (input) => {
        for (const { scheme, parameters } of parseChallenges(input)) {
          expect(scheme).toBe(scheme.toLowerCase());
          const realm = parseRealm(parameters['realm'] ?? '', new URL('https://registry.example/v2/'), {
            insecure: [],
          });
          expect(realm.protocol).toBe('https:');
        }
      },
    );
  });

  test('Link headers', () => {
    const good = [
      '</v2/team/app/tags/list?n=2&last=b>; rel="next"',
      '<https://elsewhere.example/x?last=%00>;rel=next',
    ];
    const taken = fuzz(
      (random) => damaged(random, random.pick(good)),
      (input) => {
        const query = nextQuery(input);
        if (query === undefined) return;
        for (const name of new URLSearchParams(query).keys()) expect(['n', 'last']).toContain(name);
        const address = new URL(`https://registry.example/v2/team/app/tags/list${query}`);
        expect([address.host, address.pathname]).toEqual(['registry.example', '/v2/team/app/tags/list']);
      },
    );
    expect(taken).toBeGreaterThan(10);
  });

  test('redirects, pauses, errors and addresses', () => {
    const good = [
      'https://store.example/blob?x=y',
      '/v2/a/b',
      '//other.example/',
      'http://[::ffff:127.0.0.1]/',
    ];
    fuzz(
      (random) => damaged(random, random.pick(good)),
      (input) => {
        retryAfterMs(input, 0);
        mayReach(splitHostPort(input).name, 'followed');
        replyError(
          {
            status: 400,
            text: `{"errors":[${JSON.stringify(input)}]}`,
            contentType: input,
            challenge: input,
            retryAfter: input,
          },
          parseReference('registry.example/a'),
          'Get',
        );
        const target = redirectTarget(new URL('https://registry.example/v2/'), input);
        expect([target.protocol, target.username, target.password]).toEqual(['https:', '', '']);
      },
    );
  });
});

/** Broken bytes, or a well-formed document with odd values in odd places. */
function damagedJson(random: Random, good: Uint8Array): Uint8Array {
  if (random.chance(30)) {
    const bytes = Buffer.from(good);
    for (let hits = random.below(5); hits >= 0; hits--) bytes[random.below(bytes.length)] = random.below(256);
    return bytes.subarray(0, random.chance(80) ? bytes.length : random.below(bytes.length));
  }
  const odd: unknown[] = [
    null,
    true,
    -1,
    1e308,
    2 ** 53,
    '',
    'x',
    'sha256:',
    [],
    {},
    [[]],
    '__proto__',
    Number.NaN,
  ];
  const change = (value: unknown): unknown => {
    if (random.chance(6)) return random.pick(odd);
    if (Array.isArray(value))
      return random.chance(3)
        ? Array.from({ length: random.below(3000) }, () => value[0])
        : value.map(change);
    if (typeof value === 'object' && value !== null)
      return Object.fromEntries(
        Object.entries(value).flatMap(([key, inner]) =>
          random.chance(3) ? [] : [[random.chance(3) ? '__proto__' : key, change(inner)]],
        ),
      );
    return typeof value === 'string' && random.chance(5) ? damaged(random, value) : value;
  };
  const document: unknown = JSON.parse(Buffer.from(good).toString());
  return Buffer.from(JSON.stringify(change(document)) ?? '');
}
