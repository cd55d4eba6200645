import { writeSync } from 'node:fs';
import { findPlace, openPlace } from '../../../foundation/archive/rooted/place.ts';
import { SiloError } from '../../../foundation/base/errors.ts';
import type { Root } from '../../../foundation/kernel/rooted.ts';
import { isSymlink, statDescriptor } from '../../../foundation/kernel/stat.ts';
import { isErrno } from '../../../foundation/kernel/syscall-error.ts';
import { type HelperReply, missingPathCode, replyFd } from './protocol.ts';

/** A line for the engine. */
export function reply(message: HelperReply): void {
  writeSync(replyFd, `${JSON.stringify(message)}\n`);
}

/** A path as the archive's functions take it, one character a byte. */
export const toBytes = (path: string): string => Buffer.from(path).toString('latin1');

/** Opens what is asked for, and tells the engine its status. The descriptor is the caller's. */
export function openAndStat(root: Root, path: string): number {
  let place: number;
  try {
    place = openPlace(root, toBytes(path));
  } catch (error) {
    throw pathError(error, path);
  }
  const status = statDescriptor(place);
  const linkTarget = isSymlink(status) ? findPlace(root, toBytes(path)) : '';
  reply({
    type: 'stat',
    stat: {
      sizeBytes: status.sizeBytes,
      mode: status.mode,
      modifiedAtNs: String(status.mtimeNs),
      linkTarget: Buffer.from(linkTarget, 'latin1').toString(),
    },
  });
  return place;
}

/** In Docker's words, with the path that was asked for. */
export function pathError(error: unknown, path: string): unknown {
  if (isErrno(error, 'ENOENT'))
    return new SiloError('not-found', `${path} does not exist`, { code: missingPathCode });
  if (isErrno(error, 'ENOTDIR')) return new SiloError('invalid', `lstat ${path}: not a directory`);
  if (isErrno(error, 'ELOOP'))
    return new SiloError('invalid', `lstat ${path}: too many levels of symbolic links`);
  if (isErrno(error, 'ENAMETOOLONG', 'EINVAL')) return new SiloError('invalid', `lstat ${path}: bad path`);
  return error;
}
