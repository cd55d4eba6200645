import { openSync, readFileSync, writeSync } from 'node:fs';
import { closeDescriptor } from './at.ts';
import { check, declare } from './libc.ts';

const memfdCreate = declare<[string, number]>('memfd_create', 'int', ['str', 'uint32']);
const fcntl = declare<[number, number, number]>('fcntl', 'int', ['int', 'int', 'int']);
const MFD_CLOEXEC = 1;
const MFD_ALLOW_SEALING = 2;
const F_ADD_SEALS = 1033;
/** seal, shrink, grow, write */
const allSeals = 0x1 | 0x2 | 0x4 | 0x8;

/** A copy of a program in memory that nobody can change any more, as long as it is not disposed. */
export interface SealedProgram extends Disposable {
  /** Executable by this process' children and by theirs, while this process lives. */
  path: string;
}

/**
 * memfd_create(2) with all seals. OCI runtimes copy themselves into such a file at each start, so that a container can not overwrite them through
 * `/proc/self/exe` (CVE-2019-5736); one that is started from a sealed file sees that and saves the copy.
 */
export function sealProgram(program: string): SealedProgram {
  const fd = check(
    memfdCreate(program.split('/').at(-1) ?? 'program', MFD_CLOEXEC | MFD_ALLOW_SEALING),
    'memfd_create',
    program,
  );
  try {
    const content = readFileSync(program);
    for (let written = 0; written < content.length;) written += writeSync(fd, content, written);
    check(fcntl(fd, F_ADD_SEALS, allSeals), 'fcntl', program);
    // A file that is open for writing cannot be executed (ETXTBSY): keep a read-only descriptor instead.
    const path = `/proc/${process.pid}/fd/${openSync(`/proc/self/fd/${fd}`, 'r')}`;
    return { path, [Symbol.dispose]: () => closeDescriptor(Number(path.slice(path.lastIndexOf('/') + 1))) };
  } finally {
    closeDescriptor(fd);
  }
}
