import { closeSync, linkSync, openSync, readdirSync, renameSync, statSync, unlinkSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { toSiloError } from '../../foundation/base/errors.ts';
import { faultPoint } from '../../foundation/base/fault.ts';
import type { Log } from '../../foundation/base/log.ts';
import { createDirectoryWatcher, IN_MOVED_TO } from '../../foundation/kernel/inotify.ts';
import type { Reactor } from '../../foundation/kernel/reactor.ts';
import { createArchiver } from './log-archiver.ts';
import type { LogKeeper, LogLimits } from './logs.ts';
import { watchSize } from './log-size.ts';
import { archiveName, liveName, partName, segmentName, sortNames } from './segment-names.ts';

/**
 * When the present file is full the monitor is asked for a new one, which it renames over the old. A second link keeps the old one: as soon
 * as the rename is seen it becomes the next segment, and the new file is linked. Every step is one system call, and each pass goes on
 * wherever the last one ended.
 */
export function createLogKeeper({ reactor, log }: { reactor: Reactor; log: Log }): LogKeeper {
  const watcher = createDirectoryWatcher(reactor);
  const archiver = createArchiver(log);
  return {
    keep(path, limits, renew) {
      const folder = dirname(path);
      const name = basename(path);
      const pass = (): void => {
        try {
          if (linkPresent(path)) dropOldest(path, limits);
          if (limits.compress) archiver.archive(path);
        } catch (error) {
          log.warn(`keeping the log ${path}: ${toSiloError(error).message}`);
        }
      };
      closeSync(openSync(path, 'a', 0o640));
      for (const part of sortNames(name, readdirSync(folder)).parts) unlinkSync(join(folder, part));
      using undo = new DisposableStack();
      const size = undo.use(watchSize(watcher, { path, limitBytes: limits.fileBytes, onFull: renew }));
      undo.use(
        watcher.watch(folder, IN_MOVED_TO, (changed) => {
          if (changed !== name && changed !== '') return;
          pass();
          size.again();
        }),
      );
      dropOldest(path, limits);
      pass();
      undo.defer(() => {
        replaceFull(path, limits.fileBytes);
        pass();
      });
      return undo.move();
    },
    release: (path) => archiver.cancel(path),
    async [Symbol.asyncDispose]() {
      watcher[Symbol.dispose]();
      await archiver[Symbol.asyncDispose]();
    },
  };
}

/** What the monitor does when it is asked: a program that was faster than the question, and has ended, leaves the same as any other. */
function replaceFull(path: string, fileBytes: number): void {
  const size = statSync(path, { throwIfNoEntry: false })?.size ?? 0;
  if (size < fileBytes) return;
  const fresh = join(dirname(path), partName(basename(path), 0));
  closeSync(openSync(fresh, 'w', 0o640));
  renameSync(fresh, path);
}

/** True when the linked file was a full one and became a segment. */
function linkPresent(path: string): boolean {
  const folder = dirname(path);
  const name = basename(path);
  const live = join(folder, liveName(name));
  const linked = statSync(live, { throwIfNoEntry: false })?.ino;
  const present = statSync(path, { throwIfNoEntry: false })?.ino;
  if (present === undefined || linked === present) return false;
  if (linked !== undefined) {
    const last = sortNames(name, readdirSync(folder)).segments.at(-1)?.number ?? 0;
    renameSync(live, join(folder, segmentName(name, last + 1)));
    faultPoint('logs.rotate.renamed');
  }
  linkSync(path, live);
  return linked !== undefined;
}

/**
 * The present file is one of `files`. A segment may be larger than wanted, when nobody kept up with the program: then fewer are kept, but always
 * the last.
 */
function dropOldest(path: string, { files, fileBytes }: LogLimits): void {
  const folder = dirname(path);
  const name = basename(path);
  let room = fileBytes * (files - 1);
  let kept = 0;
  for (const { number, plain, archived } of sortNames(name, readdirSync(folder)).segments.toReversed()) {
    const forms = [
      ...(archived ? [join(folder, archiveName(name, number))] : []),
      ...(plain ? [join(folder, segmentName(name, number))] : []),
    ];
    for (const form of forms) room -= statSync(form, { throwIfNoEntry: false })?.size ?? 0;
    if (kept < files - 1 && (room >= 0 || kept === 0)) kept++;
    else for (const form of forms) unlinkSync(form);
  }
}
