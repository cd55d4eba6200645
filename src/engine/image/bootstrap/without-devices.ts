import { blockSize, decodeHeader } from '../../../foundation/archive/tar-header.ts';

/**
 * mmdebstrap puts `/dev` with device nodes and links at the head of its archive, in plain headers without content. An image has no use for them: a
 * container gets a `/dev` of its own. The folder itself and the rest pass as they are.
 */
export async function* withoutDevices(source: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
  let head: Buffer | undefined = Buffer.alloc(0);
  for await (const chunk of source) {
    if (head === undefined) {
      yield chunk;
      continue;
    }
    head = Buffer.concat([head, chunk]);
    let at = 0;
    let place: Place = 'inside';
    while (head.length - at >= blockSize && (place = placeOf(head, at)) !== 'outside') {
      if (place === 'folder') yield head.subarray(at, at + blockSize);
      at += blockSize;
    }
    const rest: Buffer = head.subarray(at);
    if (place === 'outside') yield rest;
    head = place === 'outside' ? undefined : rest;
  }
  if (head && head.length > 0) yield head;
}

type Place = 'folder' | 'inside' | 'outside';

/** Where the member of this header belongs, seen from `/dev`. */
function placeOf(archive: Buffer, at: number): Place {
  if (archive[at] === 0) return 'outside';
  const { name, size } = decodeHeader(archive, at, at);
  const match = /^(?:\.\/)?dev(?:\/(.*))?$/.exec(name);
  if (!match || size !== 0) return 'outside';
  return match[1] ? 'inside' : 'folder';
}
