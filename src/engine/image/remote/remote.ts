import { invalid } from '../../../foundation/base/errors.ts';
import type { Descriptor, Platform } from '../../../foundation/oci/descriptor.ts';
import { parseImageConfig } from '../../../foundation/oci/image-config.ts';
import { parseManifestDocument } from '../../../foundation/oci/manifest.ts';
import { withDefaultTag } from '../../../foundation/oci/reference.ts';
import { fetchSmallBlob } from '../../../resources/distribution/resolve-image.ts';
import type { Context } from '../context.ts';
import type { ImageRegistries, RemoteImage } from '../registries.ts';
import { registryAccess } from './registry-access.ts';
import { configLimitBytes } from '../small-blobs.ts';

/** Asks registries without bringing anything here. */
export function createRegistries(context: Context): Omit<ImageRegistries, 'manifest' | 'pushIndex'> {
  const clientWith = (credentials: Parameters<ImageRegistries['login']>[0]['credentials'] | undefined) =>
    context.registry(registryAccess(context, { credentials }));
  return {
    login: ({ host, credentials, signal }) => clientWith(credentials).check(host, signal),
    search({ term, limit, credentials, signal }) {
      const slash = term.indexOf('/');
      const first = slash < 0 ? '' : term.slice(0, slash);
      const isHost = /[.:]/.test(first) || first === 'localhost';
      if (term.includes('://'))
        throw invalid(
          'invalid repository name: repository name (' + term.slice(0, 80) + ') should not have a scheme',
        );
      if (isHost && !isHostName(first))
        throw invalid(`invalid registry address: ${JSON.stringify(first.slice(0, 80))}`);
      const [host, words] = isHost ? [first, term.slice(slash + 1)] : ['docker.io', term];
      // Official images are found by their short names.
      const text = isHost ? words : words.replace(/^library\//, '');
      return clientWith(credentials).search(host, { text, limit, ...(signal ? { signal } : {}) });
    },
    async inspect({ reference: named, credentials, signal }): Promise<RemoteImage> {
      const reference = withDefaultTag(named);
      const client = clientWith(credentials);
      const { bytes, digest, mediaType } = await client.manifest(reference, signal);
      const document = parseManifestDocument(bytes, mediaType);
      const descriptorOf = (type: string): Descriptor => ({
        mediaType: type,
        digest,
        size: bytes.byteLength,
      });
      if (document.kind === 'index') {
        const { mediaType: type, manifests } = document.index;
        return {
          descriptor: descriptorOf(type),
          platforms: manifests.flatMap(({ platform }) => platform ?? []),
        };
      }
      const { manifest } = document;
      const blob = await fetchSmallBlob({
        client,
        reference,
        descriptor: manifest.config,
        limitBytes: configLimitBytes,
        signal,
      });
      return {
        descriptor: descriptorOf(manifest.mediaType),
        platforms: [platformOf(blob, manifest.layers.length)],
      };
    },
  };
}

function isHostName(host: string): boolean {
  return /^(\[[0-9a-f:.]+\]|[a-z0-9]([a-z0-9.-]*[a-z0-9])?)(:\d{1,5})?$/i.test(host) && host.length <= 255;
}

function platformOf(configuration: Uint8Array, layers: number): Platform {
  const { os, architecture, variant } = parseImageConfig(configuration, layers);
  return { os, architecture, ...(variant === undefined ? {} : { variant }) };
}
