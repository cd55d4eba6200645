import { invalid, unsupported } from '../../foundation/base/errors.ts';
import { shortId } from '../../foundation/base/ids.ts';
import { type Digest, type ImageId, sha256 } from '../../foundation/oci/digest.ts';
import { type ImageConfig, parseImageConfig } from '../../foundation/oci/image-config.ts';
import type { Manifest } from '../../foundation/oci/manifest.ts';
import { isConfigType, layerType } from '../../foundation/oci/media-types.ts';
import type { ImageForm, ImageRecord } from './image.ts';

/** What a manifest and its configuration make. */
export interface Identity {
  id: ImageId;
  config: ImageConfig;
  form: ImageForm;
}

/**
 * An image has the id of its configuration, as with Docker. The configuration of an artifact is often empty, the same for all of them:
 * it has the id of its manifest. An image of another operating system is never unpacked.
 */
export function identify(manifest: Manifest, manifestDigest: Digest, configBytes: Uint8Array): Identity {
  if (!isImage(manifest))
    return {
      id: manifestDigest,
      config: { architecture: '', os: '', rootfs: { type: 'layers', diff_ids: [] } },
      form: 'artifact',
    };
  const config = parseImageConfig(configBytes, manifest.layers.length);
  return { id: sha256(configBytes), config, form: isOurs(config) ? 'unpacked' : 'packed' };
}

/** Layers of file systems, and the configuration of an image; the first versions of Docker's registry had no type for that. */
export function isImage({ config, layers }: Manifest): boolean {
  return (
    (isConfigType(config.mediaType) || config.mediaType === 'application/octet-stream') &&
    layers.every(({ mediaType }) => layerType(mediaType) !== undefined)
  );
}

/** Old builders left the operating system out. */
export const isOurs = ({ os }: ImageConfig): boolean => os === '' || os === 'linux';

/** Whether containers can be made of it, now or once it is unpacked. Docker's words where it has some. */
export function requireRunnable(image: ImageRecord): void {
  if (image.form === 'artifact')
    throw unsupported(`${shortId(image.id)} is an artifact, not an image: there is nothing in it to run`, {
      code: 'not-an-image',
      hint: 'it can be inspected, pushed, saved and removed',
    });
  if (!isOurs(image.config))
    throw invalid(
      `image operating system "${image.config.os}" cannot be used on this platform: operating system is not supported`,
      { code: 'other-system', hint: 'it can be inspected, pushed, saved and removed' },
    );
}
