import { createReadStream } from 'node:fs';
import { open, readFile } from 'node:fs/promises';
import { invalid } from '../../../foundation/base/errors.ts';
import type { SiloError } from '../../../foundation/base/errors.ts';

const reasons: Record<string, string> = {
  ENOENT: 'no such file or directory',
  EACCES: 'permission denied',
  EISDIR: 'is a directory',
  ENOTDIR: 'not a directory',
};

/** The words of the system for a failed file operation, without Node's decoration. */
export function fileReason(error: unknown): string {
  const code = typeof error === 'object' && error !== null && 'code' in error ? String(error.code) : '';
  return reasons[code] ?? (error instanceof Error ? error.message : String(error));
}

export function readFailure(path: string, error: unknown): SiloError {
  return invalid(`open ${path}: ${fileReason(error)}`, { cause: error });
}

/** A file that the user named. */
export async function readNamedFile(path: string): Promise<string> {
  try {
    return await readFile(path, 'utf8');
  } catch (error) {
    throw readFailure(path, error);
  }
}

/** Opened at once, so that a wrong name is told before anything is sent. */
export async function openArchive(path: string): Promise<AsyncIterable<Uint8Array>> {
  try {
    await (await open(path)).close();
  } catch (error) {
    throw readFailure(path, error);
  }
  return createReadStream(path, { highWaterMark: 1 << 20 });
}
