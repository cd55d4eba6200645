import { splitPair } from '../../../foundation/base/split-pair.ts';
import { invalid } from '../../../foundation/base/errors.ts';
import type { DeviceRequestJson } from '../../../foundation/wire/docker/container-config.ts';
import { splitCsv } from './csv.ts';
import { collectPairs } from './key-value.ts';

/** Reads `--gpus all`, `--gpus 2`, `--gpus '"device=0,1",capabilities=utility'`, with Docker's texts. */
export function parseGpus(text: string): DeviceRequestJson {
  const request: DeviceRequestJson = {};
  const seen = new Set<string>();
  for (const field of splitCsv(text)) {
    const [key, value] = splitPair(field);
    if (seen.has(key)) throw invalid(`gpu request key '${key}' can be specified only once`);
    seen.add(key);
    if (value === undefined) seen.add('count');
    Object.assign(request, value === undefined ? { Count: parseCount(key) } : readField(key, value, field));
  }
  return {
    ...(seen.has('count') || request.DeviceIDs ? {} : { Count: 1 }),
    Capabilities: [['gpu']],
    Options: {},
    ...request,
  };
}

function readField(key: string, value: string, field: string): DeviceRequestJson {
  switch (key) {
    case 'driver':
      return { Driver: value };
    case 'count':
      return { Count: parseCount(value) };
    case 'device':
      return { DeviceIDs: value.split(',') };
    case 'capabilities':
      return { Capabilities: [[...value.split(','), 'gpu']] };
    case 'options':
      return { Options: collectPairs(splitCsv(value)) };
    default:
      throw invalid(`unexpected key '${key}' in '${field}'`);
  }
}

function parseCount(text: string): number {
  if (text === 'all') return -1;
  if (/^[+-]?\d{1,15}$/.test(text)) return Number(text);
  throw invalid(`invalid count (${text}): value must be either "all" or an integer`);
}
