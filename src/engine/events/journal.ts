import { closeSync, openSync, renameSync, truncateSync, writeSync } from 'node:fs';
import { mkdir, readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { setImmediate as endOfTurn } from 'node:timers/promises';
import { toSiloError } from '../../foundation/base/errors.ts';
import type { Log } from '../../foundation/base/log.ts';
import { type EngineEvent, historyLimit } from './events.ts';

/**
 * The last events on the disk, for `since` after a restart of the engine. They are written behind whoever published, all of a turn in one go, and never flushed: they
 * survive the engine, and of a power cut what the kernel had written by then. The file that is full becomes the former one and takes its place.
 */
export interface EventJournal extends AsyncDisposable {
  /** Never waits and never fails. */
  append(event: EngineEvent): void;
  /** What was kept before this engine, oldest first. */
  past(): Promise<EngineEvent[]>;
}

/** Of one of the two files: more than the history takes with ordinary labels. */
const fileBytes = 2 << 20;
/** Labels of this size are in no journal. */
const longestLine = 64 << 10;
/** Lines that are read in one turn of the event loop. */
const sliceLines = 256;

export async function openEventJournal(directory: string, log: Log): Promise<EventJournal> {
  const files = { present: join(directory, 'events.jsonl'), former: join(directory, 'events.1.jsonl') };
  // On a full disk the engine does without.
  await mkdir(directory, { recursive: true, mode: 0o700 }).catch((error: unknown) =>
    log.warn(`keeping events: ${toSiloError(error).message}`),
  );
  // What this engine adds is told by its own memory.
  const before = (await stat(files.present).catch(() => undefined))?.size ?? 0;
  let past: Promise<EngineEvent[]> | undefined;
  const readPast = (): Promise<EngineEvent[]> => (past ??= read(files, before));
  const waiting: EngineEvent[] = [];
  let turn: ReturnType<typeof setImmediate> | undefined;
  let replacing: Promise<void> | undefined;
  let isClosed = false;
  let isBroken = false;
  let fd: number | undefined;
  // A torn last line ends here.
  let prefix = before > 0 ? '\n' : '';
  let bytes = before;

  const close = (): void => {
    if (fd !== undefined) closeSync(fd);
    fd = undefined;
  };
  const attempt = (work: () => void): void => {
    try {
      work();
      isBroken = false;
    } catch (error) {
      if (!isBroken) log.warn(`keeping events: ${toSiloError(error).message}`);
      isBroken = true;
    }
  };
  /** What is there of former engines is read before it goes. */
  const replace = async (): Promise<void> => {
    await readPast();
    attempt(() => {
      close();
      makeFormer(files);
    });
    bytes = 0;
    replacing = undefined;
    flush();
  };
  /** A few hundred bytes into the kernel's memory: less than a thread costs that would do it. */
  const flush = (): void => {
    turn = undefined;
    if (waiting.length === 0 || replacing) return;
    if (bytes >= fileBytes) {
      replacing = replace();
      return;
    }
    const lines = waiting
      .splice(0)
      .map(format)
      .filter((line) => line.length <= longestLine);
    const text = Buffer.from(prefix + lines.join(''));
    attempt(() => {
      fd ??= openSync(files.present, 'a', 0o600);
      prefix = '\n';
      if (writeSync(fd, text) === text.length) prefix = '';
      bytes += text.length;
    });
  };
  return {
    append(event) {
      if (isClosed) return;
      // A disk that does not answer must not fill the memory.
      if (waiting.push(event) > historyLimit) waiting.shift();
      turn ??= setImmediate(flush);
    },
    past: readPast,
    async [Symbol.asyncDispose]() {
      isClosed = true;
      clearImmediate(turn);
      await replacing;
      flush();
      close();
    },
  };
}

/** What cannot be moved is emptied: the journal must not grow on. */
function makeFormer({ present, former }: { present: string; former: string }): void {
  try {
    renameSync(present, former);
  } catch (error) {
    truncateSync(present);
    throw error;
  }
}

function format({ timeNs, type, action, id, attributes }: EngineEvent): string {
  return `${JSON.stringify({ t: String(timeNs), type, action, id, attributes })}\n`;
}

/** Lines that are torn or are none are left out. */
async function read(
  { present, former }: { present: string; former: string },
  presentBytes: number,
): Promise<EngineEvent[]> {
  const linesOf = async (path: string, end?: number): Promise<string[]> => {
    const bytes = await readFile(path).catch(() => Buffer.alloc(0));
    return bytes.subarray(0, end).toString().split('\n');
  };
  const older = await linesOf(former);
  const lines = [...older, ...(await linesOf(present, presentBytes))]
    .filter((line) => line !== '')
    .slice(-historyLimit);
  const events: EngineEvent[] = [];
  for (let start = 0; start < lines.length; start += sliceLines) {
    events.push(...lines.slice(start, start + sliceLines).flatMap(parse));
    await endOfTurn();
  }
  return events;
}

function parse(line: string): EngineEvent[] {
  try {
    const { t, ...event } = JSON.parse(line) as Omit<EngineEvent, 'timeNs'> & { t: string };
    return [{ ...event, timeNs: BigInt(t) }];
  } catch {
    return [];
  }
}
