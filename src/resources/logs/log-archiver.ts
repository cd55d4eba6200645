import { readdirSync, renameSync, rmSync, unlinkSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { isKind, toSiloError } from '../../foundation/base/errors.ts';
import { faultPoint } from '../../foundation/base/fault.ts';
import type { Log } from '../../foundation/base/log.ts';
import { writeArchive } from './segment-archive.ts';
import { openPlain } from './segment-file.ts';
import { archiveName, partName, segmentName, sortNames } from './segment-names.ts';

/** Compresses full segments, one at a time for the whole engine. */
export interface Archiver extends AsyncDisposable {
  /** All plain segments of the log, oldest first, in the background. */
  archive(path: string): void;
  /** Resolves when nothing works on the log any more. */
  cancel(path: string): Promise<void>;
}

interface Job {
  controller: AbortController;
  done: Promise<void>;
}

export function createArchiver(log: Log): Archiver {
  const jobs = new Map<string, Job>();
  let queue = Promise.resolve();
  const cancel = async (path: string): Promise<void> => {
    const job = jobs.get(path);
    job?.controller.abort();
    await job?.done;
  };
  return {
    archive(path) {
      if (jobs.has(path) || plainSegments(path).length === 0) return;
      const controller = new AbortController();
      const done = queue.then(async () => {
        try {
          await archiveAll(path, controller.signal);
        } catch (error) {
          if (!isKind(error, 'canceled'))
            log.warn(`compressing the log ${path}: ${toSiloError(error).message}`);
        } finally {
          jobs.delete(path);
        }
      });
      queue = done;
      jobs.set(path, { controller, done });
    },
    cancel,
    async [Symbol.asyncDispose]() {
      await Promise.all([...jobs.keys()].map(cancel));
    },
  };
}

function plainSegments(path: string): number[] {
  const { segments } = sortNames(basename(path), readdirSync(dirname(path)));
  return segments.filter(({ plain }) => plain).map(({ number }) => number);
}

async function archiveAll(path: string, signal: AbortSignal): Promise<void> {
  const failed = new Set<number>();
  for (;;) {
    if (signal.aborted) return;
    const number = plainSegments(path).find((candidate) => !failed.has(candidate));
    if (number === undefined) return;
    // The keeper may drop it meanwhile; and it is not tried again in this round.
    failed.add(number);
    await archiveOne(path, number, signal);
  }
}

async function archiveOne(path: string, number: number, signal: AbortSignal): Promise<void> {
  const folder = dirname(path);
  const name = basename(path);
  const plain = join(folder, segmentName(name, number));
  const part = join(folder, partName(name, number));
  try {
    using source = openPlain(plain);
    await writeArchive(source, part, signal);
    faultPoint('logs.compress.written');
    // Without a pause: a reader sees one form or both. One that was dropped meanwhile does not come back.
    if (!plainSegments(path).includes(number)) return;
    renameSync(part, join(folder, archiveName(name, number)));
    faultPoint('logs.compress.published');
    unlinkSync(plain);
  } finally {
    rmSync(part, { force: true });
  }
}
