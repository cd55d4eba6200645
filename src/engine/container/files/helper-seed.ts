import { createExtractor } from '../../../foundation/archive/rooted/extract.ts';
import { packTree } from '../../../foundation/archive/rooted/pack.ts';
import { findPlace, openPlace } from '../../../foundation/archive/rooted/place.ts';
import { defaultTarLimits } from '../../../foundation/archive/tar-limits.ts';
import { createTarReader } from '../../../foundation/archive/tar-reader.ts';
import { openat } from '../../../foundation/kernel/at.ts';
import { AT_FDCWD, O_DIRECTORY, O_NOFOLLOW, O_PATH } from '../../../foundation/kernel/flags.ts';
import type { Reopener } from '../../../foundation/kernel/reopen.ts';
import { type Root, rootAt } from '../../../foundation/kernel/rooted.ts';
import { isDirectory, statDescriptor } from '../../../foundation/kernel/stat.ts';
import { isErrno } from '../../../foundation/kernel/syscall-error.ts';
import { toBytes } from './helper-place.ts';
import type { HelperAction } from './protocol.ts';

/** Copies the directory into a folder of the host. What is no directory, or not there, is no content. */
export function prepareSeed(
  root: Root,
  reopener: Reopener,
  { path, into }: HelperAction & { op: 'seed' },
): () => void {
  const target = rootAt(openat(AT_FDCWD, into, O_PATH | O_DIRECTORY | O_NOFOLLOW));
  return () => {
    let place: number;
    try {
      place = openPlace(root, findPlace(root, toBytes(path)));
    } catch (error) {
      if (isErrno(error, 'ENOENT', 'ENOTDIR', 'ELOOP')) return;
      throw error;
    }
    if (!isDirectory(statDescriptor(place))) return;
    using extractor = createExtractor({
      root: target,
      destination: '',
      keepKinds: false,
      zerosAsHoles: true,
    });
    const reader = createTarReader(extractor, defaultTarLimits);
    for (const bytes of packTree({
      place,
      name: '_data',
      reopener,
      unreadable: 'fail',
      keepsHoles: true,
    }))
      reader.push(bytes);
    reader.finish();
    extractor.finish();
  };
}
