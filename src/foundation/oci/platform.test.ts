import { describe, expect, test } from 'bun:test';
import { isKind } from '../base/errors.ts';
import type { Descriptor, Platform } from './descriptor.ts';
import { sha256 } from './digest.ts';
import type { ImageIndex } from './manifest.ts';
import { mediaTypes } from './media-types.ts';
import { choosePlatform, formatPlatform, hostPlatform, parsePlatform, platformMatches } from './platform.ts';

const host: Platform = { os: 'linux', architecture: 'amd64' };

function indexOf(...platforms: (string | undefined)[]): ImageIndex {
  const manifests = platforms.map((text, position): Descriptor => {
    const [os = '', architecture = '', variant] = (text ?? '').split('/');
    const platform = { os, architecture, ...(variant === undefined ? {} : { variant }) };
    return {
      mediaType: mediaTypes.ociManifest,
      digest: sha256(String(position)),
      size: position,
      ...(text === undefined ? {} : { platform }),
    };
  });
  return { schemaVersion: 2, mediaType: mediaTypes.ociIndex, manifests };
}

describe('platform', () => {
  test.each([
    ['linux/amd64', 'linux/amd64'],
    ['linux', 'linux/amd64'],
    ['arm64', 'linux/arm64'],
    ['linux/arm64/v8', 'linux/arm64'],
    ['linux/aarch64', 'linux/arm64'],
    ['linux/x86_64', 'linux/amd64'],
    ['linux/arm', 'linux/arm/v7'],
    ['linux/arm/6', 'linux/arm/v6'],
    ['linux/armhf', 'linux/arm/v7'],
    ['linux/amd64/v1', 'linux/amd64'],
    ['Linux/AMD64/V3', 'linux/amd64/v3'],
    ['windows', 'windows/amd64'],
  ])('%s means %s', (text, formatted) => {
    expect(formatPlatform(parsePlatform(text, host))).toBe(formatted);
  });

  test.each(['', '/', 'a/b/c/d', 'linux/ä/x', 'linux/amd64 '])('%j is refused', (text) => {
    expect(() => parsePlatform(text, host)).toThrow('invalid platform');
  });

  test.each<[string, (string | undefined)[], number]>([
    ['linux/amd64', ['linux/arm64', 'linux/amd64'], 1],
    ['linux/amd64', ['linux/386', 'linux/amd64', 'linux/amd64'], 1],
    ['linux/amd64', ['linux/arm64', 'linux/386'], 1],
    ['linux/amd64', ['linux/amd64/v3', 'linux/amd64/v1'], 1],
    ['linux/amd64/v3', ['linux/amd64', 'linux/amd64/v2', 'linux/amd64/v4'], 1],
    ['linux/arm/v7', ['linux/arm/v5', 'linux/arm/v6', 'linux/arm/v8'], 1],
    ['linux/arm64', ['linux/arm/v7', 'linux/arm64/v8'], 1],
    ['linux/arm64', ['linux/amd64', 'linux/arm/v6', 'linux/arm/v7'], 2],
    ['linux/arm/v6', ['linux/arm/v7', 'linux/arm/v5'], 1],
    ['linux/amd64', [undefined, 'linux/386'], 1],
    ['linux/amd64', ['unknown/unknown', undefined], 1],
  ])('%s of %p takes entry %p', (wanted, offered, position) => {
    expect(choosePlatform(indexOf(...offered), parsePlatform(wanted, host)).size).toBe(position);
  });

  test('an index without a match names what there is', () => {
    try {
      choosePlatform(indexOf('linux/s390x', 'windows/amd64', 'unknown/unknown'), host);
      expect.unreachable();
    } catch (error) {
      expect(isKind(error, 'not-found')).toBe(true);
      expect(error).toMatchObject({
        message: 'no matching manifest for linux/amd64 in the manifest list entries',
        hint: 'the image exists for linux/s390x, windows/amd64; choose one with --platform',
      });
    }
  });

  test('the host runs its own platform and not another system', () => {
    expect(platformMatches(hostPlatform(), hostPlatform())).toBe(true);
    expect(platformMatches(host, { os: 'windows', architecture: 'amd64' })).toBe(false);
  });
});
