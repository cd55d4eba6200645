import { invalid } from '../../../foundation/base/errors.ts';
import type { Platform } from '../../../foundation/oci/descriptor.ts';
import { parsePlatform } from '../../../foundation/oci/platform.ts';
import { queryText } from './query.ts';

/** The parameter `platform` of push and save: since API 1.46 an OCI platform as JSON; words like `linux/arm64` are understood too. */
export function queryPlatform(query: URLSearchParams): Platform | undefined {
  const all = query.getAll('platform').filter((text) => text !== '');
  if (all.length > 1) throw invalid('multiple platform parameters not supported', { code: 'many-platforms' });
  const text = queryText(query, 'platform');
  return text === undefined ? undefined : readPlatform(text);
}

/** The parameter `platforms` of a removal: each an OCI platform as JSON. */
export function queryPlatforms(query: URLSearchParams): Platform[] {
  const all = query.getAll('platforms').filter((text) => text !== '');
  if (all.length > 100) throw invalid('too many platforms', { code: 'many-platforms' });
  return all.map(readPlatform);
}

function readPlatform(text: string): Platform {
  if (!text.trimStart().startsWith('{')) return parsePlatform(text);
  if (text.length > 4096) throw badPlatform(text);
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    throw badPlatform(text);
  }
  const { os, architecture, variant } = value as Record<string, unknown>;
  if (typeof os !== 'string' || typeof architecture !== 'string') throw badPlatform(text);
  if (variant !== undefined && typeof variant !== 'string') throw badPlatform(text);
  return parsePlatform([os, architecture, ...(variant ? [variant] : [])].join('/'));
}

function badPlatform(text: string): Error {
  return invalid(`failed to parse platform: ${JSON.stringify(text.slice(0, 80))}`, {
    code: 'bad-platform',
    hint: 'it is like {"os":"linux","architecture":"arm64"}',
  });
}
