import type { Duplex } from 'node:stream';
import type { ClientFolder, FolderEntry } from '../../../engine/build/contexts/client-folder.ts';
import { invalid } from '../../../foundation/base/errors.ts';
import { type ByteSource, createByteSource } from '../../../foundation/http/channels/byte-source.ts';
import {
  entriesPerLine,
  filesPerAsk,
  type FolderAskJson,
  mostLineBytes,
} from '../../../foundation/wire/silo/build-session.ts';

/** A folder behind a channel. Sizes are kept from the list, for the answers say none. */
export function channelFolder(open: () => Duplex, machine: string): ClientFolder & Disposable {
  let channel: Duplex | undefined;
  let source: ByteSource | undefined;
  const sizes: number[] = [];
  const opened = (): { channel: Duplex; source: ByteSource } => {
    channel ??= open();
    source ??= createByteSource(channel);
    return { channel, source };
  };

  /** Asks in portions, so that neither side has to keep long questions. */
  async function* ask(what: FolderAskJson['ask'], files: readonly number[]): AsyncGenerator<number> {
    for (let at = 0; at < files.length; at += filesPerAsk) {
      const portion = files.slice(at, at + filesPerAsk);
      opened().channel.write(`${JSON.stringify({ ask: what, files: portion } satisfies FolderAskJson)}\n`);
      yield* portion;
    }
  }

  return {
    kind: 'folder',
    machine,
    async *list() {
      for (;;) {
        const batch = parseEntries(await opened().source.line(mostLineBytes));
        if (batch.length === 0) return;
        for (const { size } of batch) sizes.push(size);
        yield batch;
      }
    },
    async *digests(files) {
      for await (const _ of ask('digests', files))
        yield toDigest(await take(opened().source, digestBytes + 1));
    },
    async *contents(files) {
      for await (const file of ask('contents', files)) {
        for await (const bytes of opened().source.bytes(sizes[file] ?? 0)) yield { kind: 'bytes', bytes };
        const [status] = await take(opened().source, 1);
        yield { kind: 'end', isAsListed: status === 0 };
      }
    },
    [Symbol.dispose]: () => void channel?.destroy(),
  };
}

const digestBytes = 32;
const toDigest = (answer: Buffer) => ({
  digest: answer.toString('hex', 0, digestBytes),
  isAsListed: answer[digestBytes] === 0,
});

async function take(source: ByteSource, count: number): Promise<Buffer> {
  const pieces: Buffer[] = [];
  for await (const piece of source.bytes(count)) pieces.push(piece);
  return Buffer.concat(pieces);
}

const types = { f: 'file', d: 'directory', l: 'symlink' } as const;

function parseEntries(line: string | undefined): FolderEntry[] {
  const batch = parseJson(line);
  if (!Array.isArray(batch) || batch.length > entriesPerLine) throw badList();
  return batch.map(parseEntry);
}

function parseJson(line: string | undefined): unknown {
  try {
    return JSON.parse(line ?? '');
  } catch {
    throw badList();
  }
}

function parseEntry(entry: unknown): FolderEntry {
  if (!Array.isArray(entry)) throw badList();
  const [path, kind, mode, size, sec, nsec, rest] = entry as unknown[];
  const type = kind === 'f' || kind === 'd' || kind === 'l' ? types[kind] : undefined;
  if (
    typeof path !== 'string' ||
    typeof rest !== 'string' ||
    type === undefined ||
    !isCount(mode) ||
    !isCount(size) ||
    !isCount(nsec) ||
    typeof sec !== 'number' ||
    !Number.isSafeInteger(sec) ||
    nsec >= 1e9 ||
    // oxlint-disable-next-line no-control-regex -- one character a byte, and no byte that ends a path
    !/^[\u0001-\u00ff]*$/.test(path)
  )
    throw badList();
  return {
    path,
    type,
    mode,
    size: type === 'file' ? size : 0,
    mtime: { sec, nsec },
    linkName: type === 'symlink' ? rest : '',
    facts: type === 'file' ? rest.slice(0, 200) : '',
  };
}

const isCount = (value: unknown): value is number =>
  typeof value === 'number' && Number.isSafeInteger(value) && value >= 0;

const badList = () =>
  invalid('the list of the build context cannot be read', {
    code: 'bad-context',
    hint: 'use a client and an engine of the same version',
  });
