import { type FileHandle, open } from 'node:fs/promises';
import { redact } from '../../../foundation/base/errors.ts';
import type { RequestRecord } from '../access.ts';

/** One JSON object a line for each request. */
export interface AccessLog extends AsyncDisposable {
  write(record: RequestRecord): void;
  /** Opens the file anew: after a rotation by renaming. */
  reopen(): Promise<void>;
}

const maximumText = 500;
/** Kept while the disk is slow; what comes beyond is counted and left out, or the log would take the memory. */
const maximumWaitingBytes = 4 << 20;

/** Lines in order, written together while an earlier write is under way. */
export async function openAccessLog(
  path: string,
  onTrouble: (message: string) => void = () => undefined,
): Promise<AccessLog> {
  let file = await openAppending(path);
  let waiting: string[] = [];
  let waitingBytes = 0;
  let dropped = 0;
  let writing: Promise<void> | undefined;
  const flush = async (): Promise<void> => {
    while (waiting.length > 0) {
      const lines = waiting.join('');
      waiting = [];
      waitingBytes = 0;
      await file.write(lines).catch((error: unknown) => onTrouble(`the access log: ${String(error)}`));
    }
  };
  const settle = (): Promise<void> => (writing ??= flush().finally(() => (writing = undefined)));
  return {
    write(record) {
      const line = formatRecord(record, Date.now());
      if (waitingBytes + line.length > maximumWaitingBytes) {
        if (dropped++ === 0) onTrouble('the access log is too slow; lines are left out');
        return;
      }
      waiting.push(line);
      waitingBytes += line.length;
      void settle();
    },
    async reopen() {
      const next = await openAppending(path);
      await settle();
      const before = file;
      file = next;
      await before.close();
    },
    async [Symbol.asyncDispose]() {
      await settle();
      await file.close();
    },
  };
}

const openAppending = (path: string): Promise<FileHandle> => open(path, 'a', 0o640);

/** JSON escapes what could begin another line; `redact` takes what looks like a password in an address. No query, no header but the agent's name. */
function formatRecord(record: RequestRecord, nowMs: number): string {
  const bounded = (text: string | undefined): string | undefined =>
    text === undefined ? undefined : redact(text.slice(0, maximumText));
  return `${JSON.stringify({
    time: new Date(nowMs - record.milliseconds).toISOString(),
    remote: record.remoteAddress,
    user: bounded(record.user),
    method: record.method.slice(0, 20),
    path: bounded(record.path),
    route: record.route,
    repository: record.repository,
    status: record.status,
    bytesIn: record.bytesIn,
    bytesOut: record.bytesOut,
    durationMs: Math.round(record.milliseconds * 10) / 10,
    userAgent: bounded(record.userAgent),
  })}\n`;
}
