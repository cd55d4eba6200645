import type { Client } from '../../client/client.ts';
import type { Invocation } from '../command.ts';
import { confirm } from './confirm.ts';
import { formatSize } from './units.ts';

export interface Pruned {
  /** What stands above the names of what is gone. */
  title: string;
  names: readonly string[] | null | undefined;
  /** Of things that take none absent. */
  reclaimedBytes?: number;
}

/** Asks, unless `--force` does not want that, then prunes and tells it as Docker does. */
export async function pruneCommand(
  { options, io, client }: Pick<Invocation, 'io' | 'client'> & { options: { force: boolean } },
  warning: string,
  prune: (client: Client, tell: (pruned: Pruned) => void) => Promise<void>,
): Promise<number> {
  if (!options.force && !(await confirm(io, `WARNING! ${warning}\nAre you sure you want to continue?`)))
    return 0;
  let reclaimedBytes: number | undefined;
  await prune(await client(), (pruned) => {
    if (pruned.names && pruned.names.length > 0)
      io.stdout.write(`${pruned.title}:\n${pruned.names.join('\n')}\n\n`);
    if (pruned.reclaimedBytes !== undefined) reclaimedBytes = (reclaimedBytes ?? 0) + pruned.reclaimedBytes;
  });
  if (reclaimedBytes !== undefined)
    io.stdout.write(`Total reclaimed space: ${formatSize(reclaimedBytes, 4)}\n`);
  return 0;
}

/** Docker's words for what became of images. */
export const imageLines = (items: readonly ({ Deleted: string } | { Untagged: string })[] | null): string[] =>
  (items ?? []).map((item) =>
    'Deleted' in item ? `deleted: ${item.Deleted}` : `untagged: ${item.Untagged}`,
  );
