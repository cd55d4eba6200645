import { invalid } from '../../../foundation/base/errors.ts';
import type { Context } from '../context.ts';
import type { ArchiveContent } from './archive-content.ts';
import type { Lease } from '../lease.ts';
import type { ArchivedImages } from './archived-image.ts';
import { dockerImages } from './docker-archive.ts';
import { layoutImages } from './oci-layout.ts';

/**
 * The images of an archive, in its order. `manifest.json` (what `docker save` writes, also beside an OCI layout) counts first, since only it
 * has all the names.
 */
export async function imagesOf(
  context: Context,
  lease: Lease,
  archive: ArchiveContent,
): Promise<ArchivedImages[]> {
  const manifest = archive.document('manifest.json');
  const layout = archive.document('index.json');
  if (manifest) return dockerImages(context, lease, archive, { document: manifest, layout });
  if (layout) return layoutImages(context, lease, layout);
  throw invalid('the archive holds no image: it has neither "manifest.json" nor "index.json"', {
    code: 'not-an-image-archive',
    hint: archive.document('repositories')
      ? 'it was saved by a Docker older than 1.10: load and save it with a newer one'
      : 'a root file system is taken in with "import"',
  });
}
