import { spawnSync } from 'node:child_process';
import { createTarReader, type TarReader } from './tar-reader.ts';
import type { TarEntry } from './tar-entry.ts';
import type { TarLimits } from './tar-limits.ts';
import { contentPadding, endOfArchive, formatMember, type TarMember } from './tar-writer.ts';

/* For tests only: archives made by hand, and by the machine's own tools. */

const defaults: TarMember = {
  type: 'file',
  name: 'f',
  mode: 0o644,
  uid: 0,
  gid: 0,
  mtime: { sec: 1, nsec: 0 },
};

/** One member with its content. */
export function member(fields: Partial<TarMember> & { content?: string | Buffer }): Buffer {
  const { content = '', ...rest } = fields;
  const bytes = Buffer.from(content);
  const size = rest.size ?? bytes.length;
  return Buffer.concat([formatMember({ ...defaults, ...rest, size }), bytes, contentPadding(bytes.length)]);
}

export function archive(...members: Buffer[]): Buffer {
  return Buffer.concat([...members, endOfArchive]);
}

/** A header block with bytes changed and its checksum made right again. */
export function patched(fields: Partial<TarMember>, patch: (block: Buffer) => void): Buffer {
  const block = formatMember({ ...defaults, ...fields });
  patch(block);
  block.fill(0x20, 148, 156);
  const sum = block.subarray(0, 512).reduce((total, byte) => total + byte, 0);
  block.write(`${sum.toString(8).padStart(6, '0')}\0 `, 148, 'latin1');
  return block;
}

/** A PAX (or GNU `L`, `K`) extension with this payload, true or not. */
export function extension(flag: string, payload: string | Buffer, claimedSize?: number): Buffer {
  const bytes = typeof payload === 'string' ? Buffer.from(payload, 'latin1') : payload;
  const header = patched({ name: 'x', size: claimedSize ?? bytes.length }, (block) => {
    block.write(flag, 156, 'latin1');
  });
  return Buffer.concat([header, bytes, contentPadding(bytes.length)]);
}

export interface ReadEntry extends TarEntry {
  content: Buffer;
}

/** Reads a whole archive in pieces of `chunkBytes`; contents are laid out with their holes. */
export function readAll(
  data: Buffer,
  options: { chunkBytes?: number; limits?: TarLimits } = {},
): ReadEntry[] {
  const { chunkBytes = data.length || 1, limits } = options;
  const entries: ReadEntry[] = [];
  const reader = collector(entries, limits);
  for (let at = 0; at < data.length; at += chunkBytes) reader.push(data.subarray(at, at + chunkBytes));
  reader.finish();
  return entries;
}

function collector(entries: ReadEntry[], limits: TarLimits | undefined): TarReader {
  const current = (): Buffer => entries.at(-1)?.content ?? Buffer.alloc(0);
  return createTarReader(
    {
      entry: (entry) => void entries.push({ ...entry, content: Buffer.alloc(Math.min(entry.size, 1 << 24)) }),
      data: (bytes, position) => void bytes.copy(current(), position),
      end: () => undefined,
    },
    limits,
  );
}

/** Output of a program of the machine. */
export function output(
  program: string,
  args: string[],
  options: { cwd?: string; input?: Buffer } = {},
): Buffer {
  const { status, stdout, stderr } = spawnSync(program, args, { ...options, maxBuffer: 1 << 28 });
  if (status !== 0) throw new Error(`${program} ${args.join(' ')}: ${String(stderr)}`);
  return stdout;
}
