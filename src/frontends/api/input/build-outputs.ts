import { readAttestations, readAnnotations, readOutput } from '../../../engine/build/output/read-output.ts';
import { badWords, type TypedWords } from '../../../engine/build/output/words.ts';
import { readCacheExport, readCacheImport } from '../../../engine/build/cache-transfer/read-words.ts';
import type { BuildRequest } from '../../../engine/build/solve/types.ts';

type Outputs = Pick<BuildRequest, 'outputs' | 'attestations' | 'annotations' | 'cacheFrom' | 'cacheTo'>;

/** What any list of a request may hold. */
const mostWords = 100;

/**
 * `outputs` is Docker's: a list of `{ "Type": "oci", "Attrs": { … } }`. `attests` and `cacheto` have the same form, `cachefrom` too, where a text is a name at
 * a registry, as in Docker; `annotations` is a list of the words of `--annotation`. Absent keys say nothing.
 */
export function readBuildOutputs(query: URLSearchParams): Outputs {
  const outputs = readList(query, 'outputs')?.map((each) => readOutput(wordsOf(each, 'outputs')));
  const attests = readList(query, 'attests')?.map((each) => wordsOf(each, 'attests'));
  const annotations = readList(query, 'annotations')?.map((each) => textOf(each, 'annotations'));
  const cacheTo = readList(query, 'cacheto')?.map((each) => readCacheExport(wordsOf(each, 'cacheto')));
  const cacheFrom = readList(query, 'cachefrom')?.map((each) =>
    readCacheImport(
      typeof each === 'string' ? { type: 'registry', attributes: { ref: each } } : wordsOf(each, 'cachefrom'),
    ),
  );
  return {
    ...(outputs ? { outputs } : {}),
    ...(attests ? { attestations: readAttestations(attests) } : {}),
    ...(annotations ? { annotations: readAnnotations(annotations) } : {}),
    ...(cacheTo ? { cacheTo } : {}),
    ...(cacheFrom ? { cacheFrom } : {}),
  };
}

export function readList(query: URLSearchParams, name: string): unknown[] | undefined {
  const text = query.get(name);
  if (text === null || text === '') return undefined;
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    throw badList(name);
  }
  if (value === null) return undefined;
  if (!Array.isArray(value) || value.length > mostWords) throw badList(name);
  return value.length === 0 ? undefined : value;
}

function wordsOf(value: unknown, name: string): TypedWords {
  if (typeof value !== 'object' || value === null || !('Type' in value)) throw badList(name);
  const attributes = 'Attrs' in value ? (value.Attrs ?? {}) : {};
  if (typeof attributes !== 'object' || attributes === null) throw badList(name);
  const entries = Object.entries(attributes).map(
    ([key, word]: [string, unknown]) => [key, textOf(word, name)] as const,
  );
  return { type: textOf(value.Type, name), attributes: Object.fromEntries(entries) };
}

export function textOf(value: unknown, name: string): string {
  if (typeof value !== 'string') throw badList(name);
  return value;
}

const badList = (name: string) =>
  badWords(`the build parameter ${name} must be a JSON list of {"Type": "…", "Attrs": {"KEY": "VALUE"}}`);
