import { constants } from 'node:fs';
import { lstat, mkdir, open } from 'node:fs/promises';
import { dirname, join, resolve } from 'node:path';
import type { Readable } from 'node:stream';
import { invalid, notFound } from '../../../foundation/base/errors.ts';
import type { BuildOffers } from '../../client/build-session.ts';
import { extractLocal } from '../copy/local.ts';
import type { CliIo } from '../io.ts';
import { checkOutput, pour, writeWhole } from '../output/archive-file.ts';
import { writeCacheFolder } from './cache-folder.ts';
import {
  splitAttestation,
  splitCacheExport,
  splitCacheImport,
  splitOutput,
  type SplitWords,
} from './output-words.ts';
import type { BuildOptionValues } from './options.ts';

interface TypedWords {
  Type: string;
  Attrs: Record<string, string>;
}

/** Where results and caches go and come from: words for the engine, and places for what this machine takes or gives. */
export interface Destinations {
  outputs: TypedWords[];
  cacheTo: TypedWords[];
  cacheFrom: TypedWords[];
  attests: TypedWords[];
  /** By place in `outputs`, those of `cacheTo` behind them. */
  taken: ReadonlyMap<number, Place>;
  /** Folders, by place in `cacheFrom`. */
  caches: ReadonlyMap<number, string>;
  /** Standard output is for an output's bytes. */
  usesStdout: boolean;
}

type Place = { kind: 'stdout' } | { kind: 'file' | 'folder'; path: string; isCache: boolean };

type Asked = Pick<
  BuildOptionValues,
  'output' | 'push' | 'load' | 'attest' | 'provenance' | 'sbom' | 'cache-to' | 'cache-from'
>;

export function readDestinations(options: Asked): Destinations {
  const outputs = options.output.map(splitOutput);
  if (options.push) outputs.push({ type: 'image', attributes: { push: 'true' } });
  // The store is where images go in any case; with other outputs it has to be said.
  if (options.load && outputs.length > 0) outputs.push({ type: 'image', attributes: {} });
  const cacheTo = options['cache-to'].map(splitCacheExport);
  const cacheFrom = options['cache-from'].map(splitCacheImport);
  const attests = [
    ...options.attest.map((text) => splitAttestation(text)),
    ...(options.provenance === '' ? [] : [splitAttestation(options.provenance, 'provenance')]),
    ...(options.sbom === '' ? [] : [splitAttestation(options.sbom, 'sbom')]),
  ];
  const taken = new Map<number, Place>();
  for (const [index, words] of [...outputs, ...cacheTo].entries()) {
    const place = placeOf(words, index >= outputs.length);
    if (place) taken.set(index, place);
  }
  const toStdout = [...taken.values()].filter(({ kind }) => kind === 'stdout').length;
  if (toStdout > 1) throw invalid('only one output can go to standard output', { code: 'stdout-twice' });
  return {
    outputs: outputs.map(typed),
    cacheTo: cacheTo.map(typed),
    cacheFrom: cacheFrom.map(typed),
    attests: attests.map(typed),
    taken,
    caches: new Map(
      cacheFrom.flatMap(({ place }, index) => (place === undefined ? [] : [[index, place] as const])),
    ),
    usesStdout: toStdout > 0,
  };
}

const typed = ({ type, attributes }: SplitWords): TypedWords => ({ Type: type, Attrs: attributes });

function placeOf({ type, attributes, place }: SplitWords, isCache: boolean): Place | undefined {
  if (place === undefined) return undefined;
  if (place === '-') return { kind: 'stdout' };
  const isFolder = isCache || type === 'local' || attributes['tar'] === 'false';
  return { kind: isFolder ? 'folder' : 'file', path: place, isCache };
}

/** Before anything is built: the places can be written. */
export async function checkDestinations(
  { taken }: Destinations,
  io: Pick<CliIo, 'cwd' | 'stdout'>,
): Promise<void> {
  for (const place of taken.values()) {
    if (place.kind === 'file') await checkOutput(resolve(io.cwd, place.path), 'failed to write the output');
    if (place.kind === 'stdout' && io.stdout.isTTY === true)
      throw invalid('dest file is required: an output is not written to a terminal', {
        code: 'output-to-terminal',
        hint: 'redirect standard output, or add dest=FILE to --output',
      });
  }
}

/** Takes outputs and gives files of caches. What comes from the engine reaches nothing outside of the folder that was named. */
export function offerDestinations(
  { taken, caches }: Destinations,
  io: Pick<CliIo, 'cwd' | 'stdout'>,
): Pick<BuildOffers, 'output' | 'cache'> {
  return {
    async output(index, bytes) {
      const place = taken.get(index);
      const archive = bytes as AsyncIterable<Buffer>;
      if (place === undefined) throw invalid(`output ${index} goes nowhere`, { code: 'output-not-taken' });
      if (place.kind === 'stdout') return await pour(archive, io.stdout);
      const path = resolve(io.cwd, place.path);
      if (place.kind === 'file') return await writeWhole(archive, path);
      if (place.isCache) return await writeCacheFolder(archive, path);
      await mkdir(path, { recursive: true });
      await extractLocal(archive, { directory: path, rename: { from: '', to: '' }, keepOwners: false });
    },
    async cache(source, path) {
      const folder = caches.get(source);
      if (folder === undefined || !/^(?:index\.json|oci-layout|blobs\/sha256\/[0-9a-f]{64})$/.test(path))
        throw notFound('no such file in a cache', { code: 'no-such-file' });
      try {
        return await openCacheFile(resolve(io.cwd, folder), path);
      } catch (cause) {
        throw notFound(`no such file in the cache: ${path}`, { code: 'no-such-file', cause });
      }
    },
  };
}

/** A regular file that no link leads to: what is in the folder may have come from an engine. */
async function openCacheFile(folder: string, path: string): Promise<Readable> {
  for (let parent = dirname(path); parent !== '.'; parent = dirname(parent))
    if (!(await lstat(join(folder, parent))).isDirectory()) throw notFound(`${parent} is no directory`);
  const { O_RDONLY, O_NOFOLLOW, O_NONBLOCK } = constants;
  const file = await open(join(folder, path), O_RDONLY | O_NOFOLLOW | O_NONBLOCK);
  try {
    if (!(await file.stat()).isFile()) throw notFound(`${path} is no regular file`);
    return file.createReadStream({ highWaterMark: 1 << 18 });
  } catch (error) {
    await file.close();
    throw error;
  }
}
