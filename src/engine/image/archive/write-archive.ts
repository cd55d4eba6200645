import { contentPadding, endOfArchive, formatMember } from '../../../foundation/archive/tar-writer.ts';
import { throwIfAborted } from '../../../foundation/base/deadline.ts';
import { corrupt } from '../../../foundation/base/errors.ts';
import type { Descriptor } from '../../../foundation/oci/descriptor.ts';
import { type Digest, digestAlgorithm, digestHex } from '../../../foundation/oci/digest.ts';
import { mediaTypes } from '../../../foundation/oci/media-types.ts';
import {
  familiarName,
  familiarRepository,
  type Reference,
  repositoryName,
} from '../../../foundation/oci/reference.ts';
import type { Context } from '../context.ts';
import type { OutgoingImage } from '../push/outgoing.ts';
import type { OutgoingIndex } from '../push/outgoing-index.ts';

/** The archive of what is held, its blobs first. Without Docker's files it is an OCI image layout alone. */
export async function* writeArchive(
  context: Pick<Context, 'content'>,
  {
    chosen,
    blobs,
    kind,
    signal,
  }: {
    chosen: readonly Chosen[];
    blobs: ReadonlyMap<Digest, number>;
    kind: 'oci' | 'docker';
    signal: AbortSignal;
  },
): AsyncGenerator<Uint8Array> {
  yield* folder('blobs');
  for (const algorithm of new Set([...blobs.keys()].map(digestAlgorithm)))
    yield* folder(`blobs/${algorithm}`);
  for (const [digest, size] of blobs) {
    yield formatMember({ ...plain, type: 'file', name: pathOf(digest), size });
    let sent = 0;
    for await (const chunk of await context.content.read(digest)) {
      throwIfAborted(signal, 'the save');
      sent += (chunk as Uint8Array).byteLength;
      yield chunk as Uint8Array;
    }
    // The archive would go on, with everything behind it in the wrong place.
    if (sent !== size)
      throw corrupt(`blob ${digest} has ${sent} bytes on disk, not ${size}`, {
        code: 'blob-damaged',
        hint: 'run `silo fsck --images --repair`, or pull the image again',
      });
    yield contentPadding(size);
  }
  yield* document('index.json', indexOf(chosen));
  // Docker's archive has no form for an artifact.
  const runnable = kind === 'oci' ? [] : chosen.filter(({ outgoing }) => outgoing.image.form !== 'artifact');
  if (runnable.length > 0)
    yield* document(
      'manifest.json',
      runnable.map(({ outgoing, names }) => dockerEntry(outgoing, names)),
    );
  yield* document('oci-layout', { imageLayoutVersion: '1.0.0' });
  if (runnable.length > 0) yield* document('repositories', repositoriesOf(runnable));
  yield endOfArchive;
}

export interface Chosen {
  /** The name's own. */
  outgoing: OutgoingImage;
  names: readonly Reference[];
  index?: OutgoingIndex;
  /** Of the entry in the archive's index. */
  annotations?: Readonly<Record<string, string>>;
}

/** One entry a name. containerd's annotation holds the whole name, the standard one the tag. */
function indexOf(chosen: readonly Chosen[]): unknown {
  const manifests = chosen.flatMap(({ outgoing, index, names, annotations }) => {
    const plainly = index ? bare(index.descriptor) : manifestDescriptor(outgoing);
    const descriptor = annotations ? { ...plainly, annotations } : plainly;
    const named = names.map((name) => ({
      ...descriptor,
      annotations: {
        ...annotations,
        'io.containerd.image.name': `${repositoryName(name)}:${name.tag ?? 'latest'}`,
        'org.opencontainers.image.ref.name': name.tag ?? 'latest',
      },
    }));
    return named.length > 0 ? named : [descriptor];
  });
  return { schemaVersion: 2, mediaType: mediaTypes.ociIndex, manifests };
}

/** Annotations of the index itself are not those of an entry that points at it. */
const bare = ({ mediaType, digest, size }: Descriptor): Descriptor => ({ mediaType, digest, size });

function manifestDescriptor({ image, manifest, bytes, digest }: OutgoingImage): Descriptor {
  const { os, architecture, variant } = image.config;
  return {
    mediaType: manifest.mediaType,
    digest,
    size: bytes.byteLength,
    ...(os === '' ? {} : { platform: { architecture, os, ...(variant ? { variant } : {}) } }),
  };
}

function dockerEntry({ manifest, layers }: OutgoingImage, names: readonly Reference[]): unknown {
  return {
    Config: pathOf(manifest.config.digest),
    RepoTags: names.length > 0 ? names.map(familiarName) : null,
    Layers: layers.map(({ descriptor }) => pathOf(descriptor.digest)),
    LayerSources: Object.fromEntries(
      layers.map(({ diffId, descriptor: { mediaType, size, digest } }) => [
        diffId,
        { mediaType, size, digest },
      ]),
    ),
  };
}

/** The oldest format's table of names, which Docker still writes: the value is that of the topmost layer. */
function repositoriesOf(chosen: readonly Chosen[]): Record<string, Record<string, string>> {
  const table: Record<string, Record<string, string>> = {};
  for (const { outgoing, names } of chosen)
    for (const name of names) {
      const top = outgoing.layers.at(-1)?.descriptor.digest;
      (table[familiarRepository(name)] ??= {})[name.tag ?? 'latest'] =
        top === undefined ? '' : digestHex(top);
    }
  return table;
}

const plain = { mode: 0o644, uid: 0, gid: 0, mtime: { sec: 0, nsec: 0 } };

function pathOf(digest: Digest): string {
  return `blobs/${digestAlgorithm(digest)}/${digestHex(digest)}`;
}

function* folder(name: string): Generator<Uint8Array> {
  yield formatMember({ ...plain, type: 'directory', mode: 0o755, name });
}

function* document(name: string, value: unknown): Generator<Uint8Array> {
  const bytes = Buffer.from(JSON.stringify(value));
  yield formatMember({ ...plain, type: 'file', name, size: bytes.byteLength });
  yield bytes;
  yield contentPadding(bytes.byteLength);
}
