import type { Duplex } from 'node:stream';
import { drained } from '../../foundation/base/drained.ts';
import { corrupt } from '../../foundation/base/errors.ts';
import { createPace } from '../../foundation/base/pace.ts';
import { createByteSource } from '../../foundation/http/channels/byte-source.ts';
import {
  entriesPerLine,
  filesPerAsk,
  type FolderEntryJson,
  mostLineBytes,
} from '../../foundation/wire/silo/build-session.ts';

/** A folder of this machine. Files are named by their place in the list. */
export interface LocalFolder {
  /** Parents first. */
  list(): AsyncIterable<FolderEntryJson>;
  /** SHA-256 of so many bytes as were listed. */
  digest(file: number): Promise<{ digest: Buffer; isAsListed: boolean }>;
  /** Exactly as many bytes as were listed, and then whether the file is still as it was listed. */
  read(file: number): AsyncGenerator<Uint8Array, boolean>;
}

/** Lists the folder, and answers what is asked of its files until the other side has asked enough. */
export async function serveFolder(channel: Duplex, folder: LocalFolder): Promise<void> {
  const send = createSender(channel);
  const pace = createPace();
  let count = 0;
  let batch: FolderEntryJson[] = [];
  const flush = async (): Promise<void> => {
    await send(Buffer.from(`${JSON.stringify(batch)}\n`));
    batch = [];
  };
  for await (const entry of folder.list()) {
    batch.push(entry);
    count++;
    if (batch.length === entriesPerLine) await flush();
  }
  if (batch.length > 0) await flush();
  await flush();
  await send.flush();
  const source = createByteSource(channel);
  for (
    let line = await source.line(mostLineBytes);
    line !== undefined;
    line = await source.line(mostLineBytes)
  ) {
    const { what, files } = parseAsk(line, count);
    for (const file of files) {
      if (what === 'digests') await sendDigest(file);
      else await sendContent(file);
      await pace();
    }
    await send.flush();
  }
  channel.end();

  async function sendDigest(file: number): Promise<void> {
    const { digest, isAsListed } = await folder.digest(file);
    await send(Buffer.concat([digest, statusOf(isAsListed)]));
  }
  async function sendContent(file: number): Promise<void> {
    const pieces = folder.read(file);
    for (;;) {
      const { done, value } = await pieces.next();
      if (done === true) return await send(statusOf(value));
      await send(value);
    }
  }
}

const statusOf = (isAsListed: boolean): Buffer => Buffer.from([isAsListed ? 0 : 1]);

const pieceBytes = 1 << 17;

interface Sender {
  (bytes: Uint8Array): Promise<void>;
  flush(): Promise<void>;
}

/** Small pieces go together; big ones as they are. */
function createSender(channel: Duplex): Sender {
  let waiting: Uint8Array[] = [];
  let size = 0;
  const flush = async (): Promise<void> => {
    if (size === 0) return;
    const bytes = waiting.length === 1 ? waiting[0] : Buffer.concat(waiting);
    waiting = [];
    size = 0;
    if (channel.destroyed) throw channel.errored ?? corrupt('the engine gave the context up');
    if (channel.write(bytes)) return;
    await drained(channel);
  };
  const send = async (bytes: Uint8Array): Promise<void> => {
    waiting.push(bytes);
    size += bytes.length;
    if (size >= pieceBytes) await flush();
  };
  return Object.assign(send, { flush });
}

function parseAsk(line: string, count: number): { what: 'digests' | 'contents'; files: number[] } {
  let value: unknown;
  try {
    value = JSON.parse(line);
  } catch {
    throw badAsk();
  }
  if (typeof value !== 'object' || value === null || !('ask' in value) || !('files' in value)) throw badAsk();
  const { ask, files } = value;
  if ((ask !== 'digests' && ask !== 'contents') || !Array.isArray(files) || files.length > filesPerAsk)
    throw badAsk();
  return {
    what: ask,
    files: files.map((file: unknown) => {
      if (typeof file !== 'number' || !Number.isInteger(file) || file < 0 || file >= count) throw badAsk();
      return file;
    }),
  };
}

const badAsk = () =>
  corrupt('the engine asked for files in a way that cannot be understood', { code: 'bad-folder-ask' });
