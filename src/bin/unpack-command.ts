import { join } from 'node:path';

/** How to run the unpacker process: from source with the same Bun, or the compiled executable with its hidden word. */
export const unpackCommand: string[] = import.meta.path.startsWith('/$bunfs/')
  ? [process.execPath, '__unpack']
  : [process.execPath, join(import.meta.dir, 'unpack.ts')];
