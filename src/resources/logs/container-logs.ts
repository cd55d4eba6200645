import { open, stat, type FileHandle } from 'node:fs/promises';
import { corrupt, notFound } from '../../foundation/base/errors.ts';
import { throwIfAborted } from '../../foundation/base/deadline.ts';
import { parseBlock, toEntries } from './log-block.ts';
import { filterBlock } from './log-filter.ts';
import { findTail, readExactly } from './log-tail.ts';
import { createLogWatch } from './log-watch.ts';
import type { ContainerLogs, LogBlock, LogEntry, ReadLogs } from './logs.ts';

/** Small enough that parsing one piece holds the event loop for about a millisecond. */
const pieceBytes = 256 * 1024;
/** conmon writes at most 8 KiB of text per line; longer ones are not its. */
const longestLineBytes = 4 * 1024 * 1024;

export function createContainerLogs(): ContainerLogs {
  return { readBlocks, read };
}

async function* read(path: string, options: ReadLogs): AsyncGenerator<LogEntry[]> {
  for await (const block of readBlocks(path, options)) yield toEntries(block);
}

async function* readBlocks(path: string, options: ReadLogs): AsyncGenerator<LogBlock> {
  await using resources = new AsyncDisposableStack();
  // Watching begins before the first read, so that nothing written in between goes unnoticed.
  const watch = options.follow ? resources.use(createLogWatch(path, options)) : undefined;
  let file = await openLog(path);
  resources.defer(() => file.close());
  const { size } = await file.stat();
  const start = options.tail === undefined ? 0 : await findTail(file, size, options.tail, options);
  let position = start;
  for (;;) {
    // Asked before reading: what is read afterwards includes all that was written before the end.
    const lastRound = watch ? watch.hasEnded() : true;
    const limit = watch ? Number.POSITIVE_INFINITY : size;
    for await (const piece of readPieces(file, position, limit, options)) {
      position = piece.end;
      if (piece.block.count > 0) yield piece.block;
      if (piece.finished) return;
    }
    if (!watch) return;
    const next = await reopened(path, file, position);
    if (next) {
      await file.close();
      [file, position] = [next, 0];
      continue;
    }
    if (lastRound) return;
    await watch.changed();
    throwIfAborted(options.signal, 'reading the log');
  }
}

interface Piece {
  block: LogBlock;
  end: number;
  finished: boolean;
}

/** Whole lines from `position` to the present end of the file. A line that is still being written stays for the next time. */
async function* readPieces(
  file: FileHandle,
  position: number,
  limit: number,
  options: ReadLogs,
): AsyncGenerator<Piece> {
  let wanted = pieceBytes;
  while (position < limit) {
    throwIfAborted(options.signal, 'reading the log');
    const bytes = await readExactly(file, position, Math.min(wanted, limit - position));
    if (bytes.length === 0) return;
    const parsed = parseBlock(bytes);
    if (parsed.consumed === 0) {
      if (bytes.length < wanted) return;
      wanted *= 2;
      if (wanted > longestLineBytes)
        throw corrupt('the log has a line of several MiB; it is not a log of the monitor');
      continue;
    }
    wanted = pieceBytes;
    position += parsed.consumed;
    const { finished, ...block } = filterBlock(parsed, options);
    yield { block, end: position, finished };
  }
}

/**
 * The file that now has the name, when the monitor started a new one (at its size limit it renames a new file over the old) or when
 * the present one became shorter.
 */
async function reopened(path: string, file: FileHandle, position: number): Promise<FileHandle | undefined> {
  const [current, named] = await Promise.all([file.stat(), stat(path).catch(() => undefined)]);
  if (!named || (named.ino === current.ino && named.dev === current.dev && current.size >= position))
    return undefined;
  return openLog(path);
}

async function openLog(path: string): Promise<FileHandle> {
  try {
    return await open(path, 'r');
  } catch (cause) {
    if (!isMissing(cause)) throw cause;
    throw notFound('the container has no log', {
      cause,
      hint: 'it was never started, or its log driver keeps none',
    });
  }
}

function isMissing(thrown: unknown): boolean {
  return thrown instanceof Error && 'code' in thrown && thrown.code === 'ENOENT';
}
