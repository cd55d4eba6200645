import { invalid } from '../../../foundation/base/errors.ts';
import { parseReference } from '../../../foundation/oci/reference.ts';
import { announceImage } from '../announce.ts';
import type { Context } from '../context.ts';
import type { Bootstrap, ImageRecord } from '../image.ts';
import { makeRootfsImage } from '../rootfs-image.ts';
import { busyboxRootfs } from './busybox.ts';
import { debianRootfs, parseDebian } from './debian.ts';
import type { Rootfs } from './rootfs.ts';

export type BootstrapRequest = Parameters<Bootstrap['bootstrap']>[0];

/** Makes a base image with no registry at all. The same packages give the same digest. */
export async function bootstrapImage(context: Context, request: BootstrapRequest): Promise<ImageRecord> {
  const { reference, signal, onLine } = request;
  await using rootfs = await openRootfs(context, request);
  const image = await makeRootfsImage(context, {
    ...rootfs.image,
    tar: untilGood(rootfs),
    reference: reference ?? parseReference(rootfs.name),
    ...(signal ? { signal } : {}),
  });
  onLine?.(`made ${rootfs.name} ${image.id}`);
  announceImage(context, 'import', image);
  return image;
}

async function openRootfs(context: Context, request: BootstrapRequest): Promise<Rootfs> {
  const { what } = request;
  if (what === 'busybox' || what === 'busybox:latest') return busyboxRootfs(context.settings);
  const debian = parseDebian(what);
  if (debian) return debianRootfs(context.settings, debian, request);
  throw invalid(`cannot make a base image "${what.slice(0, 80)}"`, {
    code: 'unknown-bootstrap',
    hint: 'what can be made: busybox, debian:SUITE (for example debian:bookworm), debian:SUITE-slim',
  });
}

/** The tar, ending in the failure of what made it: half a root file system must not become an image. */
async function* untilGood({ image, finished }: Rootfs): AsyncGenerator<Uint8Array> {
  finished.catch(() => undefined);
  yield* image.tar;
  await finished;
}
