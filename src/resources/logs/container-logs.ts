import { corrupt } from '../../foundation/base/errors.ts';
import { throwIfAborted } from '../../foundation/base/deadline.ts';
import type { Reactor } from '../../foundation/kernel/reactor.ts';
import { parseBlock, toEntries } from './log-block.ts';
import { filterBlock } from './log-filter.ts';
import { type Extent, firstAfter, firstSince, type Place } from './log-range.ts';
import { findTail } from './log-tail.ts';
import { createLogWatches, type LogWatches } from './log-watch.ts';
import type { ContainerLogs, LogBlock, LogEntry, LogPosition, ReadLogs } from './logs.ts';
import { inodeAt } from './segment-file.ts';
import type { SegmentFile } from './segment.ts';
import { closeAll, openNewer, openSegments } from './segment-list.ts';

/** Small enough that parsing one piece holds the event loop for about a millisecond. */
const pieceBytes = 256 * 1024;
/** conmon writes at most 8 KiB of text per line; longer ones are not its. */
const longestLineBytes = 4 * 1024 * 1024;

/** The reactor tells those who follow of changes. */
export function createContainerLogs(reactor: Reactor): ContainerLogs {
  const watches = createLogWatches(reactor);
  return {
    readBlocks: (path, options) => readBlocks(watches, path, options),
    async *read(path, options): AsyncGenerator<LogEntry[]> {
      for await (const block of readBlocks(watches, path, options)) yield toEntries(block);
    },
  };
}

async function* readBlocks(watches: LogWatches, path: string, options: ReadLogs): AsyncGenerator<LogBlock> {
  using resources = new DisposableStack();
  // Watching begins before the first read, so that nothing written in between goes unnoticed.
  const watch = options.follow ? resources.use(watches.open(path, options)) : undefined;
  let segments = await openSegments(path);
  resources.defer(() => closeAll(segments));
  const ends = await Promise.all(segments.map((segment) => segment.size()));
  let { segment: at, position } = await findStart({ segments, ends }, options);
  for (let segment = segments[at]; segment; segment = segments[at]) {
    const isNewest = at === segments.length - 1;
    // Both asked before reading: what is read afterwards includes all that was written before.
    const hasEnded = watch?.hasEnded() ?? true;
    const isReplaced = watch && isNewest ? await wasReplaced(path, segment) : false;
    const limit = watch && isNewest ? Number.POSITIVE_INFINITY : (ends[at] ?? Number.POSITIVE_INFINITY);
    for await (const piece of readPieces(segment, { position, limit }, options)) {
      position = piece.end;
      if (piece.block.count > 0)
        yield options.from === undefined && !options.positions
          ? piece.block
          : {
              ...piece.block,
              next: { inode: segment.inode, firstTime: await firstTimeOf(segment), position },
            };
      if (piece.finished) return;
    }
    if (!isNewest) {
      at++;
      position = 0;
    } else if (!watch) return;
    else if (isReplaced) {
      const newer = await openNewer(path, segment.inode);
      closeAll(segments);
      [segments, at, position, ends.length] = [newer, 0, 0, 0];
    } else if ((await segment.size()) < position) position = 0;
    else if (hasEnded) return;
    else {
      await watch.changed();
      throwIfAborted(options.signal, 'reading the log');
    }
  }
}

/** Where reading begins; by the times and from the end, not by reading what is not wanted. */
async function findStart(extent: Extent, options: ReadLogs): Promise<Place> {
  const { tail, sinceMs, untilMs, from: known } = options;
  if (known) return findPosition(extent, known);
  const from = sinceMs === undefined ? { segment: 0, position: 0 } : await firstSince(extent, sinceMs);
  if (tail === undefined) return from;
  const end = { segment: extent.segments.length - 1, position: extent.ends.at(-1) ?? 0 };
  const to = untilMs === undefined ? end : await firstAfter(extent, untilMs);
  return findTail(extent, { from, to }, { ...options, tail });
}

/** Its file is found by inode and first time; without it, everything that is there came later. */
async function findPosition({ segments, ends }: Extent, known: LogPosition): Promise<Place> {
  for (const [segment, file] of segments.entries())
    if (
      file.inode === known.inode &&
      known.position <= (ends[segment] ?? 0) &&
      (await firstTimeOf(file)) === known.firstTime
    )
      return { segment, position: known.position };
  return { segment: 0, position: 0 };
}

const timeBytes = 35;

async function firstTimeOf(segment: SegmentFile): Promise<string> {
  return (await segment.read(0, timeBytes)).toString('latin1');
}

/** The monitor began a new file: this one is complete. */
async function wasReplaced(path: string, { inode }: SegmentFile): Promise<boolean> {
  const named = await inodeAt(path);
  return named !== undefined && named !== inode;
}

interface Piece {
  block: LogBlock;
  end: number;
  finished: boolean;
}

/** Whole lines from `position` to the present end of the file. A line that is still being written stays for the next time. */
async function* readPieces(
  file: SegmentFile,
  range: { position: number; limit: number },
  options: ReadLogs,
): AsyncGenerator<Piece> {
  let { position } = range;
  const { limit } = range;
  let wanted = pieceBytes;
  while (position < limit) {
    throwIfAborted(options.signal, 'reading the log');
    const bytes = await file.read(position, Math.min(wanted, limit - position));
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
