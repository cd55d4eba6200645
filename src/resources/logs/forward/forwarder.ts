import { setTimeout as rest } from 'node:timers/promises';
import { isKind, toSiloError } from '../../../foundation/base/errors.ts';
import { faultPoint } from '../../../foundation/base/fault.ts';
import type { Log } from '../../../foundation/base/log.ts';
import { toEntries } from '../log-block.ts';
import type { ContainerLogs, LogEntry, LogPosition } from '../logs.ts';
import { keepState, readState } from './forward-state.ts';
import { closeLines, joinLines, type OpenLines } from './join-lines.ts';
import type { LogSink } from './log-sink.ts';

export interface ForwardRequest {
  path: string;
  /** Where the position is kept. */
  positionPath: string;
  open: () => Promise<LogSink>;
  format: (entry: LogEntry) => Buffer;
  /** Not before it. */
  after?: Promise<void> | undefined;
  /** The run has ended: what is written by then is still sent. */
  ended: Promise<unknown>;
}

export interface Forwarding {
  /** Stops at once; the position stays. */
  stop(): Promise<void>;
}

const shortestRestMs = 200;
const longestRestMs = 15_000;

/**
 * Sends a log from its file to a receiver, from where the last forwarding ended. A receiver that is away is tried again and again; meanwhile the file
 * keeps what it can. The position is kept after each piece: after a crash the last piece may be sent twice, and nothing is left out.
 */
export function startForwarding(
  { logs, log }: { logs: ContainerLogs; log: Log },
  request: ForwardRequest,
): Forwarding {
  const controller = new AbortController();
  const { signal } = controller;
  const done = run(logs, request, { signal, log }).catch((error: unknown) => {
    if (!isKind(error, 'canceled') && !isKind(error, 'not-found'))
      log.warn(`forwarding the log ${request.path}: ${toSiloError(error).message}`);
  });
  return {
    async stop() {
      controller.abort();
      await done;
    },
  };
}

async function run(
  logs: ContainerLogs,
  { path, positionPath, after, open, format, ended }: ForwardRequest,
  { signal, log }: { signal: AbortSignal; log: Log },
): Promise<void> {
  await after;
  let sink: LogSink | undefined;
  let restMs = shortestRestMs;
  const deliver = async (messages: Buffer[]): Promise<void> => {
    while (!signal.aborted) {
      try {
        sink ??= await open();
        await sink.send(messages);
        restMs = shortestRestMs;
        return;
      } catch (error) {
        if (restMs === shortestRestMs)
          log.warn(`forwarding the log ${path} waits: ${toSiloError(error).message}`);
        sink?.[Symbol.dispose]();
        sink = undefined;
        await rest(restMs, undefined, { signal, ref: false }).catch(() => undefined);
        restMs = Math.min(restMs * 2, longestRestMs);
      }
    }
  };
  let isKept = true;
  /** On a full disk the sending goes on: after a crash more than the last piece is then sent twice. */
  const keep = async (...state: [LogPosition, OpenLines]): Promise<void> => {
    try {
      await keepState(positionPath, ...state);
      isKept = true;
    } catch (error) {
      if (isKept) log.warn(`noting what was sent of the log ${path}: ${toSiloError(error).message}`);
      isKept = false;
    }
  };
  try {
    const { position: from, open: begun } = readState(positionPath);
    const options = { stdout: true, stderr: true, positions: true, follow: { ended }, signal };
    let unfinished = begun;
    for await (const block of logs.readBlocks(path, { ...options, ...(from ? { from } : {}) })) {
      const { lines, open: left } = joinLines(toEntries(block), unfinished);
      if (lines.length > 0) await deliver(lines.map(format));
      if (signal.aborted) return;
      faultPoint('logs.forward.sent');
      // A copy: the text shares the memory of the whole piece.
      unfinished = structuredClone(left);
      if (block.next) await keep(block.next, unfinished);
    }
    const last = closeLines(unfinished);
    if (last.length === 0) return;
    await deliver(last.map(format));
    const { position } = readState(positionPath);
    if (position && !signal.aborted) await keep(position, {});
  } finally {
    sink?.[Symbol.dispose]();
  }
}
