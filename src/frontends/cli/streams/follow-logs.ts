import { setTimeout as rest } from 'node:timers/promises';
import { toSiloError } from '../../../foundation/base/errors.ts';
import type { Client } from '../../client/client.ts';
import type { LogOptions } from '../../client/container-calls.ts';
import { daemonStatus } from '../../client/errors.ts';
import { demultiplex } from '../../client/stream-connection.ts';
import type { StdStream } from '../../../foundation/wire/raw-stream.ts';
import type { CliIo } from '../io.ts';
import { createLogPlace } from './log-place.ts';
import { writeOut } from './session.ts';

const shortestRestMs = 100;
const longestRestMs = 2_000;
/** An engine that is away for longer does not come back by itself. */
const patienceMs = 60_000;
const stillStarting = 503;

/** Prints a log until its container has ended. An engine that goes away meanwhile is waited for, and no line is missing or printed twice. */
export async function followLogs(
  client: Client,
  { id, tty }: { id: string; tty: boolean },
  io: CliIo,
  options: LogOptions & { tail: string; timestamps: boolean },
): Promise<void> {
  const { tail, timestamps, since } = options;
  const beginning = tail === '0' ? String(io.now() / 1000) : since;
  const place = createLogPlace({ timestamps, tailed: tail !== 'all', since: beginning });
  let wanted: LogOptions = options;
  let lostAtMs: number | undefined;
  for (let restMs = shortestRestMs; ; restMs = Math.min(restMs * 2, longestRestMs)) {
    const isFirst = wanted === options;
    try {
      const logs = await client.containers.logs(id, { ...wanted, timestamps: true, startDaemon: isFirst });
      lostAtMs = undefined;
      restMs = shortestRestMs;
      wanted = {};
      const print = (name: StdStream, piece: Uint8Array): Promise<void> | undefined => {
        const stream = name === 'stderr' ? 'stderr' : 'stdout';
        let waiting: Promise<void> | undefined;
        for (const part of place.push(stream, piece))
          waiting = writeOut(stream === 'stderr' ? io.stderr : io.stdout, part) ?? waiting;
        return waiting;
      };
      if (logs.multiplexed ?? !tty) await demultiplex(logs.body, print);
      else for await (const chunk of logs.body) await print('stdout', chunk);
      return;
    } catch (error) {
      if (wanted === options || !isAway(error)) throw error;
      if (lostAtMs === undefined) io.stderr.write(`silo: ${toSiloError(error).message}; waiting for it\n`);
      lostAtMs ??= io.now();
      if (io.now() - lostAtMs > patienceMs) throw error;
    }
    await rest(restMs);
    const from = place.restart();
    wanted = { ...options, tail: 'all' };
    delete wanted.since;
    if (from !== undefined) wanted.since = from;
  }
}

function isAway(error: unknown): boolean {
  const status = daemonStatus(error);
  return status === undefined ? toSiloError(error).kind === 'unavailable' : status === stillStarting;
}
