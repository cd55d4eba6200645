import { readdirSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { notFound } from '../../foundation/base/errors.ts';
import { openArchive, openPlain } from './segment-file.ts';
import type { SegmentFile } from './segment.ts';
import { archiveName, liveName, segmentName, sortNames } from './segment-names.ts';

/**
 * All segments of a log, oldest first; the last is what the monitor's name led to at the call. Names and descriptors are taken without
 * giving way to others: the keeper, who renames, lives on the same event loop. Only the monitor's own rename can come between.
 */
export async function openSegments(path: string): Promise<SegmentFile[]> {
  const folder = dirname(path);
  const log = basename(path);
  const opening: Promise<SegmentFile>[] = [];
  let present: SegmentFile;
  try {
    present = openPlain(path);
  } catch (cause) {
    if (!isMissing(cause)) throw cause;
    throw notFound('the container has no log', {
      cause,
      hint: 'it was never started, or its log driver keeps none',
    });
  }
  for (const { number, plain } of sortNames(log, readdirSync(folder)).segments)
    opening.push(
      plain
        ? Promise.resolve(openPlain(join(folder, segmentName(log, number))))
        : openArchive(join(folder, archiveName(log, number))),
    );
  try {
    opening.push(Promise.resolve(openPlain(join(folder, liveName(log)))));
  } catch (error) {
    if (!isMissing(error)) throw error;
  }
  const results = await Promise.allSettled(opening);
  const opened = results.flatMap((result) => (result.status === 'fulfilled' ? [result.value] : []));
  const failed = results.find((result) => result.status === 'rejected');
  if (failed) {
    closeAll([...opened, present]);
    throw failed.reason;
  }
  const known = opened.findLastIndex(({ inode, isArchive }) => !isArchive && inode === present.inode);
  // The monitor may have begun a new file in between: then ours is not the last, and what follows it was not there at the call.
  const kept = known < 0 ? opened : opened.slice(0, known);
  closeAll(opened.slice(kept.length));
  return [...kept, present];
}

/** What follows the file with that inode, which the caller holds open (so no other has it). Without it, all that there is. */
export async function openNewer(path: string, inode: number): Promise<SegmentFile[]> {
  const segments = await openSegments(path);
  // An archive may name the inode of a file that is gone, but only an older one: the last match is the caller's.
  const place = segments.findLastIndex((segment) => segment.inode === inode);
  closeAll(segments.slice(0, place + 1));
  return segments.slice(place + 1);
}

export function closeAll(segments: readonly SegmentFile[]): void {
  for (const segment of segments) segment[Symbol.dispose]();
}

function isMissing(thrown: unknown): boolean {
  return thrown instanceof Error && 'code' in thrown && thrown.code === 'ENOENT';
}
