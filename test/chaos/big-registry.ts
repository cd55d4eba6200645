import { createCipheriv, createHash } from 'node:crypto';
import { once } from 'node:events';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo, Socket } from 'node:net';
import { crc32 } from 'node:zlib';
import { blobOf, digestOf, pointer, tarOf, type SampleBlob } from '../registry/sample-image.ts';

/**
 * A registry of one large image that is nowhere: each layer is a gzip stream (stored, so that any byte of it can be made at once) of a tar with one file
 * of pseudo-random bytes. It counts what it sends, and its network can be cut.
 */
export interface BigRegistry extends AsyncDisposable {
  readonly host: string;
  readonly sizeBytes: number;
  /** Of layers, so far; also of what never arrived. */
  sentBytes(): number;
  /** Bytes of layers that were asked for again although they had been sent. */
  repeatedBytes(): number;
  /** Breaks all connections and takes no more until `mend`. */
  cut(): void;
  mend(): Promise<void>;
  /** Calls once, when this much was sent. */
  when(sentBytes: number, act: () => void): void;
}

interface Layer {
  index: number;
  digest: string;
  sizeBytes: number;
  /** How far it was sent. */
  sentTo: number;
}

const storedBytes = 65_535;
const frameBytes = storedBytes + 5;
const pieceBytes = 256 * 1024;

/** The tar of a layer, from any position. */
function tarPiece(index: number, fileBytes: number, from: number, length: number): Buffer {
  const whole = Buffer.alloc(length);
  const head = tarOf({ [`layer-${index}`]: '' }).subarray(0, 512);
  writeSize(head, fileBytes);
  if (from < 512) head.copy(whole, 0, from);
  const at = Math.max(0, from - 512);
  const end = Math.min(from + length - 512, fileBytes);
  if (end > at) noise(index, at, end - at).copy(whole, at + 512 - from);
  return whole;
}

/** A tar header says its size, and the sum of its bytes. */
function writeSize(head: Buffer, size: number): void {
  head.write(`${size.toString(8).padStart(11, '0')}\0`, 124);
  head.write('        ', 148);
  const sum = head.reduce((total, byte) => total + byte, 0);
  head.write(`${sum.toString(8).padStart(6, '0')}\0 `, 148);
}

/** A key stream can be entered at any block. */
function noise(index: number, from: number, length: number): Buffer {
  const key = createHash('md5').update(`big layer ${index}`).digest();
  const counter = Buffer.alloc(16);
  counter.writeBigUInt64BE(BigInt(Math.floor(from / 16)), 8);
  const skip = from % 16;
  return createCipheriv('aes-128-ctr', key, counter)
    .update(Buffer.alloc(length + skip))
    .subarray(skip);
}

interface Shape {
  fileBytes: number;
  tarBytes: number;
  gzipBytes: number;
}

function shapeOf(fileBytes: number): Shape {
  const tarBytes = 512 + Math.ceil(fileBytes / 512) * 512 + 1024;
  return { fileBytes, tarBytes, gzipBytes: 10 + Math.ceil(tarBytes / storedBytes) * 5 + tarBytes + 8 };
}

/** The frames of a gzip stream that lie in these bytes; `trailer` follows the last. */
function gzipPiece(
  index: number,
  shape: Shape,
  range: { from: number; to: number; trailer: Buffer },
): Buffer {
  const parts: Buffer[] = [];
  const add = (start: number, bytes: Buffer): void => {
    const [low, high] = [Math.max(range.from, start), Math.min(range.to, start + bytes.length)];
    if (high > low) parts.push(bytes.subarray(low - start, high - start));
  };
  add(0, Buffer.from([31, 139, 8, 0, 0, 0, 0, 0, 0, 255]));
  const frames = Math.ceil(shape.tarBytes / storedBytes);
  const first = Math.max(0, Math.floor((range.from - 10) / frameBytes));
  const last = Math.min(frames - 1, Math.floor((range.to - 10) / frameBytes));
  for (let frame = first; frame <= last; frame++) {
    const at = frame * storedBytes;
    const length = Math.min(storedBytes, shape.tarBytes - at);
    const head = Buffer.from([frame === frames - 1 ? 1 : 0, 0, 0, 0, 0]);
    head.writeUInt16LE(length, 1);
    head.writeUInt16LE(~length & 0xffff, 3);
    add(10 + frame * frameBytes, Buffer.concat([head, tarPiece(index, shape.fileBytes, at, length)]));
  }
  add(shape.gzipBytes - 8, range.trailer);
  return Buffer.concat(parts);
}

export async function startBigRegistry(options: {
  layers: number;
  layerBytes: number;
}): Promise<BigRegistry> {
  const shape = shapeOf(options.layerBytes);
  const trailers: Buffer[] = [];
  const layers: Layer[] = [];
  const diffIds: string[] = [];
  for (let index = 0; index < options.layers; index++) {
    const diff = createHash('sha256');
    let crc = 0;
    for (let at = 0; at < shape.tarBytes; at += pieceBytes) {
      const piece = tarPiece(index, shape.fileBytes, at, Math.min(pieceBytes, shape.tarBytes - at));
      diff.update(piece);
      crc = crc32(piece, crc);
    }
    diffIds.push(`sha256:${diff.digest('hex')}`);
    const trailer = Buffer.alloc(8);
    trailer.writeUInt32LE(crc >>> 0, 0);
    trailer.writeUInt32LE(shape.tarBytes % 2 ** 32, 4);
    trailers.push(trailer);
    const hash = createHash('sha256');
    for (let from = 0; from < shape.gzipBytes; from += pieceBytes)
      hash.update(
        gzipPiece(index, shape, { from, to: Math.min(from + pieceBytes, shape.gzipBytes), trailer }),
      );
    layers.push({ index, digest: `sha256:${hash.digest('hex')}`, sizeBytes: shape.gzipBytes, sentTo: 0 });
  }
  const type = 'application/vnd.oci.image';
  const architecture = process.arch === 'arm64' ? 'arm64' : 'amd64';
  const config = blobOf(
    `${type}.config.v1+json`,
    JSON.stringify({ architecture, os: 'linux', config: {}, rootfs: { type: 'layers', diff_ids: diffIds } }),
  );
  const manifest = blobOf(
    `${type}.manifest.v1+json`,
    JSON.stringify({
      schemaVersion: 2,
      mediaType: `${type}.manifest.v1+json`,
      config: pointer(config),
      layers: layers.map(({ digest, sizeBytes: size }) => ({
        mediaType: `${type}.layer.v1.tar+gzip`,
        digest,
        size,
      })),
    }),
  );

  let sent = 0;
  let repeated = 0;
  let marks: { at: number; act: () => void }[] = [];
  const sockets = new Set<Socket>();
  const sendLayer = async (
    layer: Layer,
    request: IncomingMessage,
    response: ServerResponse,
  ): Promise<void> => {
    const from = Number(/^bytes=(\d+)-$/.exec(request.headers.range ?? '')?.[1] ?? 0);
    repeated += Math.max(0, layer.sentTo - from);
    const total = layer.sizeBytes;
    response.writeHead(from > 0 ? 206 : 200, {
      'content-length': total - from,
      ...(from > 0 ? { 'content-range': `bytes ${from}-${total - 1}/${total}` } : {}),
    });
    const trailer = trailers[layer.index] ?? Buffer.alloc(8);
    for (let at = from; at < total && !response.destroyed;) {
      const to = Math.min(at + pieceBytes, total);
      const piece = gzipPiece(layer.index, shape, { from: at, to, trailer });
      at = to;
      // What was given to the kernel: a little of it may be on the way.
      await new Promise<void>((resolve) => {
        const done = (): void => {
          response.off('close', done);
          resolve();
        };
        response.once('close', done);
        response.write(piece, done);
      });
      sent += piece.byteLength;
      layer.sentTo = Math.max(layer.sentTo, at);
      const due = marks.filter((mark) => mark.at <= sent);
      marks = marks.filter((mark) => mark.at > sent);
      for (const { act } of due) act();
    }
    response.end();
  };
  const small = (response: ServerResponse, blob: SampleBlob): void => {
    response.writeHead(200, { 'content-type': blob.mediaType, 'content-length': blob.bytes.byteLength });
    response.end(blob.bytes);
  };
  const server = createServer((request, response) => {
    response.on('error', () => undefined);
    const name = request.url?.split('/').at(-1) ?? '';
    const layer = layers.find(({ digest }) => digest === name);
    if (layer) sendLayer(layer, request, response).catch(() => response.destroy());
    else if (request.url?.includes('/manifests/')) small(response, manifest);
    else if (name === config.digest) small(response, config);
    else response.writeHead(request.url === '/v2/' ? 200 : 404).end();
  });
  server.on('connection', (socket: Socket) => {
    sockets.add(socket);
    socket.on('error', () => undefined).on('close', () => sockets.delete(socket));
  });
  const listen = async (port: number): Promise<void> => {
    server.listen(port, '127.0.0.1');
    await once(server, 'listening');
  };
  await listen(0);
  const { port } = server.address() as AddressInfo;
  const cut = (): void => {
    server.close();
    server.closeAllConnections();
    for (const socket of sockets) socket.destroy();
  };
  if (digestOf(config.bytes) !== config.digest) throw new Error('the configuration is not as expected');
  return {
    host: `127.0.0.1:${port}`,
    sizeBytes: shape.gzipBytes * options.layers,
    sentBytes: () => sent,
    repeatedBytes: () => repeated,
    cut,
    mend: () => listen(port),
    when: (at, act) => void marks.push({ at, act }),
    async [Symbol.asyncDispose]() {
      cut();
      await Promise.resolve();
    },
  };
}
