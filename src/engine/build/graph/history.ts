import type { ImageRunConfig } from '../../../foundation/oci/image-config.ts';
import type { Instruction } from '../language/instruction.ts';
import type { HistoryItem } from './history-item.ts';
import type { Vertex } from './vertex.ts';

/** As the image will show it: RUN with its shell, commands as words, everything else as it was written. */
export function historyOf(
  { name }: Instruction,
  title: string,
  { vertex, config }: { vertex: Vertex | undefined; config: ImageRunConfig },
): HistoryItem {
  const step = vertex === undefined ? 'never' : vertex.kind === 'folder' ? 'folder' : 'always';
  if (vertex?.kind === 'exec' && vertex.script === undefined)
    return { createdBy: `RUN ${vertex.args.join(' ')}`.slice(0, 4000), step };
  if (name === 'CMD') return { createdBy: `CMD ${words(config.Cmd)}`, step };
  if (name === 'ENTRYPOINT') return { createdBy: `ENTRYPOINT ${words(config.Entrypoint)}`, step };
  return { createdBy: title, step };
}

const words = (list: readonly string[] | null | undefined): string =>
  `[${(list ?? []).map((word) => JSON.stringify(word)).join(' ')}]`.slice(0, 4000);
