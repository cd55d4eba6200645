import { blockSize, decodeHeader } from '../../../foundation/archive/tar-header.ts';

/**
 * mmdebstrap puts device nodes and links below `/dev` at the head of its archive, in plain headers without content. An image has no use for them: a
 * container gets a `/dev` of its own. The rest passes as it is.
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
    while (head.length - at >= blockSize && isDevice(head, at)) at += blockSize;
    const rest: Buffer = head.subarray(at);
    const isPast = rest.length >= blockSize;
    if (isPast) yield rest;
    head = isPast ? undefined : rest;
  }
  if (head && head.length > 0) yield head;
}

function isDevice(archive: Buffer, at: number): boolean {
  if (archive[at] === 0) return false;
  const { name, size } = decodeHeader(archive, at, at);
  return size === 0 && /^(?:\.\/)?dev\/./.test(name);
}
