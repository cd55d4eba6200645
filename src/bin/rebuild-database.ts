import { rebuildDatabase } from '../engine/host/rebuild-database.ts';
import { defaultSettings, readStandardFile } from '../engine/host/settings.ts';

/** `silo fsck --rebuild-db`: needs that no daemon runs. Resolves to the exit code. */
export async function runRebuild(options: { dataRoot?: string }): Promise<number> {
  const done = await rebuildDatabase(
    options.dataRoot ?? readStandardFile().dataRoot ?? defaultSettings.dataRoot,
  );
  process.stdout.write(done.map((line) => `${line}\n`).join(''));
  return 0;
}
