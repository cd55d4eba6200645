import { parseReference, withDefaultTag } from '../../../foundation/oci/reference.ts';
import { badWords, readAttributes, type AttributeReader, type TypedWords } from '../output/words.ts';
import type { CacheExport, CacheImport, ExportOptions } from './cache-transfer.ts';

/** `--cache-to` in BuildKit's words, without the `dest` of a folder. */
export function readCacheExport(words: TypedWords): CacheExport {
  const attributes = readAttributes(words, 'cache export');
  const target = exportOf(words.type, attributes);
  attributes.end();
  return target;
}

function exportOf(type: string, attributes: AttributeReader): CacheExport {
  switch (type) {
    case 'inline':
      return { type };
    case 'local':
      return { type, ...exportOptions(attributes) };
    case 'registry':
      return { type, ...registryOf(attributes, 'cache export'), ...exportOptions(attributes) };
    default:
      throw badWords(`unknown cache type "${type.slice(0, 60)}"`, 'use inline, local or registry');
  }
}

/** `--cache-from`, without the `src` of a folder. */
export function readCacheImport(words: TypedWords): CacheImport {
  const attributes = readAttributes(words, 'cache import');
  const source = importOf(words.type, attributes);
  attributes.end();
  return source;
}

function importOf(type: string, attributes: AttributeReader): CacheImport {
  switch (type) {
    case 'local':
      return { type };
    case 'registry':
      return { type, ...registryOf(attributes, 'cache import') };
    default:
      throw badWords(`unknown cache type "${type.slice(0, 60)}"`, 'use local or registry');
  }
}

function registryOf(
  attributes: AttributeReader,
  what: string,
): Pick<Extract<CacheImport, { type: 'registry' }>, 'reference' | 'isInsecure'> {
  const name = attributes.text('ref');
  if (name === undefined || name === '') throw badWords(`${what} type=registry: ref=NAME is missing`);
  return {
    reference: withDefaultTag(parseReference(name)),
    isInsecure: attributes.flag('registry.insecure', false),
  };
}

function exportOptions(attributes: AttributeReader): ExportOptions {
  const mode = attributes.choice('mode', ['min', 'max']) ?? 'min';
  const compression = attributes.choice('compression', ['uncompressed', 'gzip', 'zstd']) ?? 'gzip';
  const level = attributes.number('compression-level', [0, compression === 'zstd' ? 22 : 9]);
  const ignoresErrors = attributes.flag('ignore-error', false);
  const isForced = attributes.flag('force-compression', false);
  // The one form there is.
  attributes.flag('image-manifest', true);
  attributes.flag('oci-mediatypes', true);
  return {
    mode,
    ignoresErrors,
    layers: {
      compression: compression === 'uncompressed' ? 'none' : compression,
      isForced,
      ...(level === undefined ? {} : { level }),
    },
  };
}
