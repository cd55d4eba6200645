import { splitPair } from '../../../foundation/base/split-pair.ts';
import { invalid } from '../../../foundation/base/errors.ts';
import { splitCsv } from '../parse/csv.ts';

/** Words of `--output`, `--cache-to`, `--cache-from` or `--attest`, with the place on this machine that only the CLI knows. */
export interface SplitWords {
  type: string;
  attributes: Record<string, string>;
  /** `-` is standard output. */
  place?: string;
}

/** `type=…,KEY=VALUE,…` as CSV. */
function split(text: string, option: string): SplitWords {
  const attributes = new Map<string, string>();
  for (const field of splitCsv(text)) {
    const [name, value] = splitPair(field);
    if (name === '' || value === undefined)
      throw bad(`invalid value ${field.slice(0, 200)} of --${option}: want KEY=VALUE`);
    attributes.set(name.trim(), value);
  }
  const type = attributes.get('type') ?? '';
  attributes.delete('type');
  return { type, attributes: Object.fromEntries(attributes) };
}

/** `--output`: `-` is a tar on standard output, `DIR` a folder, everything else words. `type=docker` that goes nowhere is an image in the store. */
export function splitOutput(text: string): SplitWords {
  if (text === '-') return { type: 'tar', attributes: {}, place: '-' };
  if (!text.includes('=') && text !== '') return { type: 'local', attributes: {}, place: text };
  const words = split(text, 'output');
  if (words.type === '')
    throw bad('type is required for --output', 'for example --output type=oci,dest=image.tar');
  const { dest, ...attributes } = words.attributes;
  if (dest !== undefined && (words.type === 'image' || words.type === 'registry'))
    throw bad(
      `dest is not for --output type=${words.type}: an image goes to the store or to a registry`,
      'for example --output type=oci,dest=image.tar',
    );
  if (words.type === 'docker' && dest === undefined) return { type: 'image', attributes };
  const place = dest ?? (words.type === 'tar' || words.type === 'oci' ? '-' : undefined);
  if (words.type === 'local' && (place === undefined || place === '-'))
    throw bad('dest is required for local output', 'for example --output type=local,dest=out');
  if (place === '-' && attributes['tar'] === 'false')
    throw bad('dest cannot be standard output for a folder');
  return { type: words.type, attributes, ...(place === undefined ? {} : { place }) };
}

/** `--cache-to`: a name alone is a registry's. */
export const splitCacheExport = (text: string): SplitWords => splitCache(text, 'cache-to', 'dest');

export const splitCacheImport = (text: string): SplitWords => splitCache(text, 'cache-from', 'src');

function splitCache(text: string, option: string, folder: string): SplitWords {
  if (!text.includes('=')) return { type: 'registry', attributes: { ref: text } };
  const words = split(text, option);
  const { [folder]: place, ...attributes } = words.attributes;
  if (words.type === 'local' && place === undefined)
    throw bad(
      `${folder} is required for --${option} type=local`,
      `for example --${option} type=local,${folder}=cache`,
    );
  if (place !== undefined && (words.type === 'registry' || words.type === 'inline'))
    throw bad(
      `${folder} is not for --${option} type=${words.type}`,
      `for example --${option} type=local,${folder}=cache`,
    );
  return { type: words.type, attributes, ...(place === undefined ? {} : { place }) };
}

/** `--attest type=…`, and `--provenance` and `--sbom`, which are `true`, `false` or words without the type. */
export function splitAttestation(text: string, type?: 'provenance' | 'sbom'): SplitWords {
  if (type === undefined) return split(text, 'attest');
  if (/^(1|t|true)$/i.test(text)) return { type, attributes: {} };
  if (/^(0|f|false)$/i.test(text)) return { type, attributes: { disabled: 'true' } };
  return { ...split(text, type), type };
}

const bad = (message: string, hint?: string) => invalid(message, { code: 'bad-option', hint });
