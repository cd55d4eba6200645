import { statfs } from 'node:fs/promises';
import type { DiskCommands } from '../disk.ts';
import type { Mark } from './marks.ts';

/** How full the disk is: the share of the file system that is used (as df(1) shows it), or what the data root takes. */
export function createDiskLevel(deps: {
  dataRoot: string;
  usage: DiskCommands['usage'];
  /** Resolves when what was removed is deleted. */
  settled: () => Promise<void>;
}): (unit: Mark['unit']) => Promise<number> {
  const { dataRoot, usage, settled } = deps;
  return async (unit) => {
    await settled();
    if (unit === 'bytes') return (await usage()).totalBytes;
    const { blocks, bfree, bavail } = await statfs(dataRoot);
    const used = blocks - bfree;
    return used + bavail === 0 ? 0 : (used / (used + bavail)) * 100;
  };
}
