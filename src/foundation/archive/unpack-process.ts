import { type ChildProcess, spawn } from 'node:child_process';
import { closeSync, openSync } from 'node:fs';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { errorOfJson } from '../base/error-json.ts';
import { canceled, internal } from '../base/errors.ts';
import { throwIfAborted } from '../base/deadline.ts';
import { collect, endOf, helperDied, helperEnvironment } from '../base/helper-process.ts';
import type { UnpackOptions, UnpackReport, UnpackResult } from './unpack.ts';

export interface UnpackRequest extends Omit<UnpackOptions, 'parentPid'> {
  /** The layer, compressed or not. A path is read by the unpacker itself. */
  source: Readable | { path: string };
  /** Empty folder to fill; after a failure it holds whatever was done until then. */
  target: string;
  /** Program and first arguments of the unpacker, such as `[bun, 'src/bin/unpack.ts']`. */
  command: readonly string[];
  signal?: AbortSignal | undefined;
}

/**
 * Unpacks one layer in a process of its own. Rejects with the error that the unpacker reported, with that of the source when it broke,
 * or with kind `canceled`. The process is gone when the promise settles; it also ends when the engine dies.
 */
export async function unpackLayer(request: UnpackRequest): Promise<UnpackResult> {
  const { source, signal } = request;
  throwIfAborted(signal, 'unpacking a layer');
  const file = source instanceof Readable ? undefined : openSync(source.path, 'r');
  const child = startUnpacker(request, file);
  const abort = (): void => void child.kill('SIGKILL');
  signal?.addEventListener('abort', abort);
  try {
    const feeding = source instanceof Readable ? feed(source, child) : Promise.resolve(undefined);
    const [sourceFailure, outcome] = await Promise.all([feeding, outcomeOf(child)]);
    if (signal?.aborted) throw canceled('unpacking a layer was canceled', { cause: signal.reason });
    if (sourceFailure !== undefined) throw sourceFailure;
    return readReport(outcome);
  } finally {
    signal?.removeEventListener('abort', abort);
  }
}

function startUnpacker(request: UnpackRequest, file: number | undefined): ChildProcess {
  const [program = '', ...args] = request.command;
  const { expectedDiffId, tarLimits, expansionLimits } = request;
  const options: UnpackOptions = {
    parentPid: process.pid,
    ...(expectedDiffId === undefined ? {} : { expectedDiffId }),
    ...(tarLimits === undefined ? {} : { tarLimits }),
    ...(expansionLimits === undefined ? {} : { expansionLimits }),
  };
  try {
    return spawn(program, [...args, request.target, JSON.stringify(options)], {
      stdio: [file ?? 'pipe', 'pipe', 'pipe'],
      env: helperEnvironment(),
    });
  } finally {
    if (file !== undefined) closeSync(file);
  }
}

/** Resolves with the source's failure, if it was the source that broke the pipe. */
async function feed(source: Readable, child: ChildProcess): Promise<unknown> {
  if (!child.stdin) return internal('unpacker has no standard input');
  let failure: unknown;
  const note = (error: unknown): void => {
    failure ??= error;
  };
  source.once('error', note);
  try {
    await pipeline(source, child.stdin);
  } catch {
    // Half a layer must not look like a whole one. An unpacker that gave up early has said why.
    if (failure !== undefined) child.kill('SIGKILL');
  } finally {
    source.off('error', note);
  }
  return isBrokenPipe(failure) ? undefined : failure;
}

function isBrokenPipe(error: unknown): boolean {
  const code = (error as { code?: string } | undefined)?.code;
  return code === 'EPIPE' || code === 'ECONNRESET' || code === 'ERR_STREAM_PREMATURE_CLOSE';
}

interface Outcome {
  output: string;
  diagnostics: string;
  ending: string;
}

async function outcomeOf(child: ChildProcess): Promise<Outcome> {
  const output = collect(child.stdout);
  const diagnostics = collect(child.stderr);
  const ending = await endOf(child, 'unpacker');
  return { output: output(), diagnostics: diagnostics(), ending };
}

function readReport({ output, diagnostics, ending }: Outcome): UnpackResult {
  const report = parseReport(output);
  if (report?.ok) return report.result;
  if (report) throw errorOfJson(report.error);
  throw helperDied(`unpacker ended with ${ending} and no report`, diagnostics, 'unpacker-died');
}

function parseReport(output: string): UnpackReport | undefined {
  try {
    return JSON.parse(output) as UnpackReport;
  } catch {
    return undefined;
  }
}
