import { mkdtemp, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { contentPadding, endOfArchive, formatMember } from '../../../foundation/archive/tar-writer.ts';
import { invalid, SiloError } from '../../../foundation/base/errors.ts';
import type { Platform } from '../../../foundation/oci/descriptor.ts';
import type { ImageId } from '../../../foundation/oci/digest.ts';
import { manifestLimits, parseIndex } from '../../../foundation/oci/manifest.ts';
import { mediaTypes } from '../../../foundation/oci/media-types.ts';
import { find, walk } from '../solve/files/select.ts';
import { newFolder, readWhole, type Tree } from '../solve/files/tree.ts';
import type { BuildDeps, ContextSource } from '../solve/types.ts';

type Layout = Extract<ContextSource, { kind: 'layout' }>;

/** An image of a client's image layout (OCI image spec, image-layout.md), taken in without a name: that of the platform, or what there is. */
export async function loadLayout(
  deps: Pick<BuildDeps, 'images' | 'directory'>,
  { open, name }: Layout,
  { platform, signal }: { platform: Platform; signal: AbortSignal | undefined },
): Promise<ImageId> {
  const directory = await mkdtemp(join(deps.directory, 'layout-'));
  try {
    await using tree = await open({ path: join(directory, 'files'), what: 'the image layout', signal });
    const index = await indexOf(tree, name);
    const load = (wanted: { platform?: Platform }) =>
      deps.images.load(Readable.from(archiveOf(tree, index), { objectMode: false }), {
        ...wanted,
        ...(signal ? { signal } : {}),
      });
    const [image] = await load({ platform }).catch((error: unknown) => {
      if (error instanceof SiloError && error.code === 'no-matching-platform') return load({});
      throw error;
    });
    if (image) return image.id;
    throw invalid('the image layout holds no image', { code: 'layout-empty' });
  } finally {
    await rm(directory, { recursive: true, force: true });
  }
}

/** The index with the entry alone that is meant, and without names: those are of the machine that it comes from. */
async function indexOf(tree: Tree, name: string | undefined): Promise<Buffer> {
  const entry = find(tree, 'index.json');
  if (entry?.type !== 'file' || entry.size > manifestLimits.documentBytes)
    throw invalid('the folder is no image layout: it has no index.json', { code: 'no-layout' });
  const { manifests } = parseIndex(await readWhole(tree, entry), mediaTypes.ociIndex);
  const named = manifests.filter(
    ({ digest, annotations }) =>
      name === undefined || digest === name || annotations?.['org.opencontainers.image.ref.name'] === name,
  );
  const [meant, other] = named;
  if (!meant)
    throw invalid(`the image layout has no image ${JSON.stringify((name ?? '').slice(0, 100))}`, {
      code: 'no-such-image-in-layout',
    });
  if (other && name === undefined)
    throw invalid('the image layout holds several images', {
      code: 'layout-ambiguous',
      hint: 'name one: oci-layout://FOLDER:TAG or oci-layout://FOLDER@DIGEST',
    });
  const { annotations: _, ...descriptor } = meant;
  return Buffer.from(
    JSON.stringify({ schemaVersion: 2, mediaType: mediaTypes.ociIndex, manifests: [descriptor] }),
  );
}

async function* archiveOf(tree: Tree, index: Buffer): AsyncGenerator<Buffer> {
  const layout = Buffer.from('{"imageLayoutVersion":"1.0.0"}');
  for (const [name, bytes] of [['oci-layout', layout] as const, ['index.json', index] as const]) {
    yield formatMember({ ...newFolder, type: 'file', name, size: bytes.length, xattrs: new Map() });
    yield bytes;
    yield contentPadding(bytes.length);
  }
  for (const [path, entry] of walk(tree, 'blobs', {})) {
    if (entry.type !== 'file') continue;
    yield formatMember({ ...entry, name: `blobs/${path}`, xattrs: new Map() });
    yield* tree.read(entry);
    yield contentPadding(entry.size);
  }
  yield endOfArchive;
}
