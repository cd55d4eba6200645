import { createTarReader } from '../../../foundation/archive/tar-reader.ts';
import { defaultTarLimits } from '../../../foundation/archive/tar-limits.ts';
import { contentPadding, endOfArchive, formatMember } from '../../../foundation/archive/tar-writer.ts';
import { invalid } from '../../../foundation/base/errors.ts';
import { type ContextDocument, parseDocument, type Pems, pemFiles } from './store.ts';

/* The archive that `docker context export` writes: `meta.json`, and `tls/docker/` with PEM files. */

const documentName = 'meta.json';
const pemFolder = 'tls/docker/';

export function packContext(document: ContextDocument, pems: Pems): Buffer {
  const files = Object.entries(pemFiles).flatMap(([key, file]) => {
    const bytes = pems[key as keyof Pems];
    return bytes === undefined ? [] : [member(`${pemFolder}${file}`, bytes)];
  });
  return Buffer.concat([member(documentName, Buffer.from(JSON.stringify(document))), ...files, endOfArchive]);
}

function member(name: string, bytes: Buffer): Buffer {
  const header = formatMember({
    type: 'file',
    name,
    mode: 0o644,
    uid: 0,
    gid: 0,
    size: bytes.length,
    mtime: { sec: 0, nsec: 0 },
  });
  return Buffer.concat([header, bytes, contentPadding(bytes.length)]);
}

/** A context with its certificates is some kilobytes. */
const limitBytes = 8 * 1024 * 1024;

/** Reads what is expected and nothing else of it. */
export async function unpackContext(
  archive: AsyncIterable<Uint8Array>,
): Promise<{ document: ContextDocument; pems: Pems }> {
  const found = new Map<string, Buffer[]>();
  let current: Buffer[] = [];
  const reader = createTarReader(
    {
      entry({ type, name }) {
        current = [];
        if (type === 'file') found.set(name.replace(/^\.\//, ''), current);
      },
      // The bytes are the reader's.
      data: (bytes) => void current.push(Buffer.from(bytes)),
      end: () => undefined,
    },
    { ...defaultTarLimits, maxTarBytes: limitBytes },
  );
  for await (const chunk of archive) reader.push(chunk);
  reader.finish();
  const bytesOf = (name: string): Buffer | undefined => {
    const pieces = found.get(name);
    return pieces && Buffer.concat(pieces);
  };
  const document = parseDocument(bytesOf(documentName)?.toString('utf8') ?? '');
  if (document === undefined)
    throw invalid(`invalid context: no ${documentName} found`, {
      hint: 'make the file with `silo context export` or `docker context export`',
    });
  const pems = Object.entries(pemFiles).flatMap(([key, file]) => {
    const bytes = bytesOf(`${pemFolder}${file}`);
    return bytes === undefined ? [] : [[key, bytes] as const];
  });
  return { document, pems: Object.fromEntries(pems) };
}
