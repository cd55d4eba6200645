import { Readable } from 'node:stream';
import type { Engine } from '../../../../engine/host/engine.ts';
import type { Compression } from '../../../../foundation/archive/compression.ts';
import { compressor } from '../../../../foundation/archive/compression-streams.ts';
import { invalid } from '../../../../foundation/base/errors.ts';
import { answered, created, type Route } from '../../call.ts';
import { queryText } from '../../input/query.ts';
import { toVolumeJson } from '../../translate/volume-json.ts';

/** Ours, not Docker's: the content of a volume as a tar. A failure on the way can only cut the connection. */
export function exportVolume(engine: { volumes: Pick<Engine['volumes'], 'export' | 'get'> }): Route {
  return {
    method: 'GET',
    path: '/silo/volumes/{name}/export',
    async handle(call) {
      const { exchange, query } = call;
      const compression = toCompression(queryText(query, 'compress') ?? 'none');
      const name = call.param('name');
      engine.volumes.get(name);
      const tar = engine.volumes.export(name, { signal: exchange.signal });
      // The first bytes before the headers: a volume that cannot be mounted is told of.
      const first = await tar.next();
      const output = exchange.stream(200, 'application/x-tar');
      try {
        const whole = async function* (): AsyncGenerator<Buffer> {
          if (!first.done) yield first.value;
          yield* tar;
        };
        const pieces = compression === 'none' ? whole() : compressed(whole(), compression);
        for await (const chunk of pieces) if (!output.write(chunk)) await output.drained();
      } catch (error) {
        exchange.destroy();
        throw error;
      } finally {
        await tar.return(undefined);
      }
      output.end();
      return answered;
    },
  };
}

/** The thread pool compresses. */
function compressed(tar: AsyncIterable<Buffer>, compression: Compression): AsyncIterable<Buffer> {
  const source = Readable.from(tar, { objectMode: false });
  const target = compressor(compression);
  source.on('error', (error) => target.destroy(error));
  target.on('close', () => source.destroy());
  return source.pipe(target);
}

function toCompression(word: string): Compression {
  if (word === 'none' || word === 'gzip' || word === 'zstd') return word;
  throw invalid(`unknown compression ${JSON.stringify(word.slice(0, 40))}`, {
    code: 'bad-compression',
    hint: 'it is one of zstd, gzip and none',
  });
}

/** A tar, plain or compressed, becomes the content of a new volume or of an empty one. */
export function importVolume(engine: { volumes: Pick<Engine['volumes'], 'import'> }): Route {
  return {
    method: 'POST',
    path: '/silo/volumes/{name}/import',
    async handle(call) {
      const { exchange } = call;
      const volume = await engine.volumes.import(call.param('name'), exchange.body, {
        signal: exchange.signal,
      });
      return created(toVolumeJson(volume));
    },
  };
}

export function cloneVolume(engine: { volumes: Pick<Engine['volumes'], 'clone'> }): Route {
  return {
    method: 'POST',
    path: '/silo/volumes/{name}/clone',
    async handle(call) {
      const target = queryText(call.query, 'to') ?? '';
      if (target === '')
        throw invalid('the name of the new volume is missing', {
          code: 'missing-parameter',
          hint: 'add ?to=NAME',
        });
      const volume = await engine.volumes.clone(call.param('name'), target, {
        signal: call.exchange.signal,
      });
      return created(toVolumeJson(volume));
    },
  };
}
