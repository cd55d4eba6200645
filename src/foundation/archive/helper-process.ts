import type { Readable } from 'node:stream';

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
