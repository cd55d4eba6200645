import { createTarReader } from '../../../foundation/archive/tar-reader.ts';
import type { TarEntry } from '../../../foundation/archive/tar-entry.ts';
import { corrupt } from '../../../foundation/base/errors.ts';
import { startProgram } from './program.ts';

/** deb-control(5) of one package, and the sums of its files as it brings them. */
export interface PackageFacts {
  name: string;
  control: string;
  sums: string;
}

/** One member, and its content when it is a file. */
export interface PackageMember {
  entry: TarEntry;
  content: Buffer;
}

const maximumFacts = 16 << 20;
/** A member is held in memory whole: the largest libraries have some 200 MB. */
const maximumContent = 1 << 30;
const hint = 'packages are read with dpkg-deb: this works on Debian and Ubuntu';

export async function readFacts(file: string, signal?: AbortSignal): Promise<PackageFacts> {
  let control = '';
  let sums = '';
  for await (const { entry, content } of members('--ctrl-tarfile', file, maximumFacts, signal)) {
    if (entry.name === './control') control = content.toString('utf8');
    else if (entry.name === './md5sums') sums = content.toString('utf8');
  }
  const name = /^Package: *([a-z0-9][a-z0-9+.-]+)$/m.exec(control)?.[1];
  if (name === undefined) throw corrupt(`${file} does not say which package it is`);
  return { name, control, sums };
}

export function readMembers(file: string, signal?: AbortSignal): AsyncGenerator<PackageMember> {
  return members('--fsys-tarfile', file, maximumContent, signal);
}

async function* members(
  what: string,
  file: string,
  limit: number,
  signal: AbortSignal | undefined,
): AsyncGenerator<PackageMember> {
  await using program = startProgram({
    file: 'dpkg-deb',
    args: [what, file],
    env: {},
    hint,
    ...(signal ? { signal } : {}),
  });
  let ready: PackageMember[] = [];
  let entry: TarEntry | undefined;
  let parts: Buffer[] = [];
  const reader = createTarReader({
    entry(next) {
      if (next.size > limit || next.sparse) throw corrupt(`${file} has a file that is too large`);
      entry = next;
      parts = [];
    },
    data: (bytes) => void parts.push(Buffer.from(bytes)),
    end() {
      if (entry) ready.push({ entry, content: Buffer.concat(parts) });
    },
  });
  for await (const chunk of program.stdout) {
    reader.push(chunk as Uint8Array);
    yield* ready;
    ready = [];
  }
  await program.finished;
  reader.finish();
  yield* ready;
}
