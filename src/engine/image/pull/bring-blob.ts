import type { Descriptor } from '../../../foundation/oci/descriptor.ts';
import type { Context, DownloadNote } from '../context.ts';
import { downloadBlob, type LayerSource } from './download.ts';
import { type Joiner, runInTurn } from '../shared-work.ts';

/** A blob of a repository into the content store; who wants the same digest meanwhile shares the download. */
export function bringBlob(
  context: Context,
  source: Pick<LayerSource, 'client' | 'reference'>,
  descriptor: Descriptor,
  joiner: Joiner<DownloadNote>,
): Promise<void> {
  return context.downloads.join(descriptor.digest, joiner, (flight) =>
    runInTurn(context.downloadTurns, flight.signal, 'the download', () =>
      downloadBlob(context, { ...source, descriptors: [descriptor] }, descriptor, flight),
    ),
  );
}
