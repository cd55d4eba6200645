import { invalid } from '../../../foundation/base/errors.ts';
import {
  familiarName,
  formatReference,
  parseReference,
  withDefaultTag,
} from '../../../foundation/oci/reference.ts';
import { announceImage } from '../announce.ts';
import type { Context } from '../context.ts';
import type { Bootstrap, BootstrappedImage } from '../image.ts';
import { makeRootfsImage } from '../compose/rootfs-image.ts';
import { busyboxRootfs } from './busybox.ts';
import { debianRootfs } from './debian.ts';
import { distrolessRootfs } from './distroless.ts';
import { checkPackages } from './package-set.ts';
import type { Rootfs } from './rootfs.ts';
import { parseWanted } from './suites.ts';

export type BootstrapRequest = Parameters<Bootstrap['bootstrap']>[0];

/** Makes a base image with no registry at all. The same packages give the same digest. */
export async function bootstrapImage(
  context: Context,
  request: BootstrapRequest,
): Promise<BootstrappedImage> {
  const { signal, onLine } = request;
  await using rootfs = await openRootfs(context, request);
  const reference = withDefaultTag(request.reference ?? parseReference(rootfs.name));
  const image = await makeRootfsImage(context, {
    ...rootfs.image,
    tar: untilGood(rootfs),
    reference,
    ...(signal ? { signal } : {}),
  });
  onLine?.(`made ${familiarName(reference)} ${image.id}`);
  announceImage(context, 'import', image);
  return { ...image, name: formatReference(reference) };
}

async function openRootfs(context: Context, request: BootstrapRequest): Promise<Rootfs> {
  const { what, packages = [], mirror, sources } = request;
  const wanted = parseWanted(what);
  if (wanted.kind === 'busybox') {
    if (packages.length > 0 || mirror !== undefined || sources !== undefined)
      throw invalid('busybox is one program: no packages go with it', {
        code: 'unknown-bootstrap',
        hint: 'packages go with debian:SUITE, ubuntu:SUITE and distroless:SUITE',
      });
    return busyboxRootfs(context.settings);
  }
  checkPackages(packages);
  const wishes = {
    ...wanted,
    packages,
    ...(mirror === undefined ? {} : { mirror }),
    ...(sources === undefined ? {} : { sources }),
  };
  return wanted.kind === 'distroless'
    ? distrolessRootfs(context.settings, wishes, request)
    : debianRootfs(context.settings, wishes, request);
}

/** The tar, ending in the failure of what made it: half a root file system must not become an image. */
async function* untilGood({ image, finished }: Rootfs): AsyncGenerator<Uint8Array> {
  finished.catch(() => undefined);
  yield* image.tar;
  await finished;
}
