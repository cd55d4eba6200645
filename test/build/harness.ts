import { afterAll, beforeAll } from 'bun:test';
import { mkdirSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { archive, member } from '../../src/foundation/archive/tar-fixtures.ts';
import { startEngine, type TestEngine } from '../e2e/harness.ts';
import { bootstrapBusybox } from '../e2e/objects.ts';

/** An engine with busybox for all tests of the `describe` in which this is called. */
export function useEngine(take: (engine: TestEngine) => void): void {
  let engine: TestEngine | undefined;
  beforeAll(async () => {
    engine = await startEngine();
    take(engine);
    await bootstrapBusybox(engine);
  }, 60_000);
  afterAll(() => engine?.[Symbol.asyncDispose](), 60_000);
}

/** Text by path. */
export type Files = Record<string, string>;

/** A folder of the engine's temporary one with these files. */
export function writeContext({ directory }: TestEngine, name: string, files: Files): string {
  const folder = join(directory, name);
  for (const [path, text] of Object.entries(files)) {
    mkdirSync(dirname(join(folder, path)), { recursive: true });
    writeFileSync(join(folder, path), text);
  }
  return folder;
}

export const contextOf = (files: Files): Buffer =>
  archive(...Object.entries(files).map(([name, content]) => member({ name, content })));

export interface Posted {
  status: number;
  /** What a client shows. */
  text: string;
}

/** `POST /build`; resolves when the build has ended. */
export async function postBuild(
  { socket }: TestEngine,
  context: Buffer,
  { query = '', signal = AbortSignal.timeout(60_000) }: { query?: string; signal?: AbortSignal } = {},
): Promise<Posted> {
  const response = await fetch(`http://localhost/build?${query}`, {
    method: 'POST',
    unix: socket,
    body: context,
    signal,
  });
  const lines = (await response.text()).split(/\r?\n/);
  return { status: response.status, text: lines.map(shown).join('') };
}

function shown(line: string): string {
  if (!line.startsWith('{')) return line;
  const { stream, error, message } = JSON.parse(line) as Record<string, string | undefined>;
  return stream ?? error ?? message ?? '';
}
