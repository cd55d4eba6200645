import { parseReference, withDefaultTag } from '../../../foundation/oci/reference.ts';
import type { LayerForm } from '../output/output.ts';
import { readLayers } from '../output/read-output.ts';
import { type AttributeReader, badWords, readWords, type TypedWords } from '../output/words.ts';
import type { CacheExport, CacheImport, ExportOptions } from './cache-transfer.ts';

/** `--cache-to` in BuildKit's words, without the `dest` of a folder. */
export const readCacheExport = (words: TypedWords): CacheExport =>
  readWords(words, 'cache export', (attributes) => exportOf(words.type, attributes));

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
export const readCacheImport = (words: TypedWords): CacheImport =>
  readWords(words, 'cache import', (attributes) => importOf(words.type, attributes));

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
  const layers: LayerForm = { compression: 'gzip', ...readLayers(attributes) };
  const ignoresErrors = attributes.flag('ignore-error', false);
  // The one form there is.
  attributes.flag('image-manifest', true);
  attributes.flag('oci-mediatypes', true);
  return { mode, ignoresErrors, layers };
}
