import type { ChildProcess } from 'node:child_process';
import type { Readable } from 'node:stream';
import { errorOfJson } from './error-json.ts';
import { internal, type SiloError } from './errors.ts';

/** All of our environment that a helper process gets: a single executable loads its native module from there. */
export function helperEnvironment(): Record<string, string> {
  const { BUN_TMPDIR, TMPDIR } = process.env;
  return { ...(BUN_TMPDIR ? { BUN_TMPDIR } : {}), ...(TMPDIR ? { TMPDIR } : {}) };
}

const keptBytes = 64 * 1024;

/** Gathers what a helper says; the result gives its beginning. */
export function collect(stream: Readable | null): () => string {
  let text = '';
  stream?.setEncoding('utf8').on('data', (chunk: string) => {
    if (text.length < keptBytes) text += chunk;
  });
  return () => text;
}

/** How the process ended: the signal, or `exit code N`. Kind `internal` when it could not be started. Looked for at once: nobody has to wait for it. */
export function endOf(
  child: ChildProcess,
  name: string,
  /** `close` comes when its streams are closed, too. */
  event: 'close' | 'exit' = 'close',
): Promise<string> {
  const { promise, resolve, reject } = Promise.withResolvers<string>();
  child.once('error', (error) =>
    reject(internal(`${name} could not be started: ${error.message}`, { cause: error })),
  );
  child.once(event, (code: number | null, signal: string | null) => resolve(signal ?? `exit code ${code}`));
  promise.catch(() => undefined);
  return promise;
}

/** Of a helper that ended without saying why: what happened, and the last of what it printed. */
export const helperDied = (what: string, printed: string, code = 'helper-died'): SiloError =>
  internal(`${what}: ${printed.trim().slice(-2000) || 'no message'}`, {
    code,
    hint: 'see the log of the host for an out-of-memory kill; otherwise report this as a bug',
  });

/** The failure that a helper printed as JSON, or that it died. */
export function helperFailure(what: string, printed: string, code?: string): SiloError {
  try {
    return errorOfJson(JSON.parse(printed));
  } catch {
    return helperDied(what, printed, code);
  }
}
