import { readFileSync } from 'node:fs';
import { invalid } from '../../../foundation/base/errors.ts';
import type { OptionTable } from '../command.ts';
import { splitCsv } from '../parse/csv.ts';
import { collectPairs } from '../parse/key-value.ts';
import { readFailure } from '../parse/read-file.ts';
import { type EndpointDocument, type Pems, pemFiles } from './store.ts';

/** Options of `context create` and `context update`. */
export const descriptionOptions = {
  description: { kind: 'string', summary: 'Description of the context' },
  docker: {
    kind: 'map',
    shown: '[]',
    summary: 'set the docker endpoint: host=, ca=, cert=, key=, skip-tls-verify=',
  },
} as const satisfies OptionTable;

const known = ['host', 'skip-tls-verify', ...Object.keys(pemFiles)];

/** Reads `--docker host=tcp://…,ca=FILE,cert=FILE,key=FILE`; undefined when it was not given. */
export function readEndpoint(
  words: readonly string[],
): { endpoint: EndpointDocument; pems: Pems } | undefined {
  if (words.length === 0) return undefined;
  const pairs = collectPairs(words.flatMap(splitCsv));
  const odd = Object.keys(pairs).find((key) => !known.includes(key));
  if (odd !== undefined)
    throw invalid(`unrecognized config key: ${odd}`, { hint: `known keys: ${known.join(', ')}` });
  const skip = pairs['skip-tls-verify'] ?? 'false';
  if (skip !== 'true' && skip !== 'false')
    throw invalid(`skip-tls-verify must be true or false, not ${skip}`);
  const pems = Object.keys(pemFiles).flatMap((name) =>
    pairs[name] ? [[name, readPem(pairs[name])] as const] : [],
  );
  return {
    endpoint: { Host: pairs['host'] ?? '', SkipTLSVerify: skip === 'true' },
    pems: Object.fromEntries(pems),
  };
}

function readPem(path: string): Buffer {
  try {
    return readFileSync(path);
  } catch (error) {
    throw readFailure(path, error);
  }
}
