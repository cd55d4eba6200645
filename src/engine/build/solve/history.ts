import type { ImageHistory } from '../../../foundation/oci/image-config.ts';
import type { HistoryItem } from '../graph/history-item.ts';

/**
 * The history of a result: the base's, then an entry for each instruction. `steps` is that of the image whose files it has: the base's entries, then one
 * of every step that was done, which says whether it made a layer.
 */
export function wholeHistory(
  items: readonly HistoryItem[],
  { steps, atMs, isFixed }: { steps: readonly ImageHistory[]; atMs: number; isFixed: boolean },
): ImageHistory[] {
  const created = new Date(atMs).toISOString();
  const own = items.filter(({ step }) => step === 'always').length;
  const folders = countFolders(items, steps, own);
  const start = steps.length - own - folders;
  let at = start;
  const entries = items.map(({ createdBy, step }): ImageHistory => {
    const done = step === 'never' || (step === 'folder' && !isFolder(steps[at])) ? undefined : steps[at++];
    const time = isFixed ? created : (done?.created ?? created);
    const hasLayer = done !== undefined && done.empty_layer !== true;
    return { created: time, created_by: createdBy, ...(hasLayer ? {} : { empty_layer: true }) };
  });
  return [...steps.slice(0, start), ...entries];
}

const isFolder = (entry: ImageHistory | undefined): boolean =>
  entry?.created_by?.startsWith('WORKDIR ') === true;

/** How many of the folders were made, looking from the end. */
function countFolders(items: readonly HistoryItem[], steps: readonly ImageHistory[], own: number): number {
  let at = steps.length - 1;
  let folders = 0;
  let left = own;
  for (const { step } of items.toReversed()) {
    if (step === 'never') continue;
    if (step === 'always') {
      at--;
      left--;
    } else if (at >= left && isFolder(steps[at])) {
      at--;
      folders++;
    }
  }
  return folders;
}
