import { afterAll, expect, test } from 'bun:test';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { openDatabase } from '../../../foundation/db/database.ts';
import { type ImageId, sha256 } from '../../../foundation/oci/digest.ts';
import type { ImageQueries } from '../../image/image.ts';
import { viewCache } from '../cache-transfer/view.ts';
import type { ImportedCache } from '../cache-transfer/import-cache.ts';
import { openBuildCache } from './cache.ts';

const directory = mkdtempSync(join(tmpdir(), 'silo-build-cache-'));
afterAll(() => rmSync(directory, { recursive: true }));
const images = {
  list: () => [],
  resolve: (id: string) => ({ id }),
} as unknown as Pick<ImageQueries, 'list' | 'resolve'>;
const key = sha256('key');
const origin = sha256('origin');
const one = sha256('one') as unknown as ImageId;
const other = sha256('other') as unknown as ImageId;

test('contents of files are known as long as the result is the one that was looked at', () => {
  using database = openDatabase(join(directory, 'contents'), { relaxed: true });
  const cache = openBuildCache(database, images);
  cache.keep(key, one, { isStep: true });
  cache.keepContent(origin, { key, image: one }, 'of one');
  expect(cache.findContent(origin)).toBe('of one');
  cache.keep(key, other, { isStep: true });
  expect(cache.findContent(origin)).toBeUndefined();
  cache.keepContent(origin, { key, image: one }, 'of one');
  expect(cache.findContent(origin)).toBeUndefined();
});

test('contents that a build with an import found of a result of everybody go with that result', () => {
  using database = openDatabase(join(directory, 'imported'), { relaxed: true });
  const cache = openBuildCache(database, images);
  const imported = { domain: 'd', findContent: () => undefined } as unknown as ImportedCache;
  const view = viewCache(cache, imported);
  cache.keep(key, one, { isStep: true });
  view.keepContent(origin, { key, image: one }, 'of one');
  expect(view.findContent(origin)).toBe('of one');
  cache.keep(key, other, { isStep: true });
  expect(view.findContent(origin)).toBeUndefined();
});

test('what another build led to is no step any more, also for the next engine', () => {
  using database = openDatabase(join(directory, 'results'), { relaxed: true });
  const there = { ...images, list: () => [{ id: one }, { id: other }] } as unknown as typeof images;
  const cache = openBuildCache(database, there);
  cache.keep(key, one, { isStep: true });
  cache.keep(sha256('other key'), other, { isStep: true });
  cache.keepResult(one);
  for (const each of [cache, openBuildCache(database, there)]) {
    expect(each.isStep(one)).toBe(false);
    expect(each.isStep(other)).toBe(true);
    expect(each.find(key)).toBe(one);
  }
});
