import { extname, join } from 'node:path';

/** Whether this is the single executable of `make build`. */
const isCompiled = import.meta.path.startsWith('/$bunfs/');

/** As the launcher does: Bun would obey the .env and bunfig.toml (which can name code to run) of the folder it is started in. */
const bunFlags = ['--no-env-file', '--config=/dev/null', '--no-install'];

/**
 * The command that runs another process of this program: `silo`, to which words are added, or another entry (from source a file of this folder,
 * in the executable a hidden word).
 */
export function ownCommand(entry?: { file: string; word: string }): string[] {
  if (isCompiled) return entry ? [process.execPath, entry.word] : [process.execPath];
  return [
    process.execPath,
    ...bunFlags,
    join(import.meta.dir, (entry?.file ?? 'silo') + extname(import.meta.path)),
  ];
}
