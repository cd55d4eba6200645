import type { Brand } from '../base/brand.ts';
import { invalid } from '../base/errors.ts';
import { createHasher } from '../base/hash.ts';

/** `algorithm:hex` of some bytes. OCI image spec, descriptor.md#digests; sha256 and sha512 are registered. */
export type Digest = Brand<'Digest'>;
/** Digest of the uncompressed tar of one layer (`rootfs.diff_ids`). */
export type DiffId = Digest & { readonly diffId?: never };
/** Digest of the image's configuration. */
export type ImageId = Digest & { readonly imageId?: never };
/** Identity of a stack of layers. OCI image spec, config.md#layer-chainid. */
export type ChainId = Digest & { readonly chainId?: never };

const lengths: Record<string, number> = { sha256: 64, sha512: 128 };

export function parseDigest(text: string): Digest {
  const [algorithm = '', hex = '', ...rest] = text.split(':');
  const length = lengths[algorithm];
  if (rest.length > 0 || length === undefined || hex.length !== length || !/^[0-9a-f]+$/.test(hex))
    throw invalid(
      `invalid digest "${text.slice(0, 160)}": want sha256: or sha512: and lower-case hexadecimal digits`,
    );
  return text as Digest;
}

export function isDigest(text: string): text is Digest {
  const [algorithm = '', hex = '', ...rest] = text.split(':');
  return rest.length === 0 && lengths[algorithm] === hex.length && /^[0-9a-f]+$/.test(hex);
}

export function digestAlgorithm(digest: Digest): 'sha256' | 'sha512' {
  return digest.startsWith('sha512:') ? 'sha512' : 'sha256';
}

export function digestHex(digest: Digest): string {
  return digest.slice(digest.indexOf(':') + 1);
}

export function sha256(data: string | Uint8Array): Digest {
  const hasher = createHasher('sha256');
  hasher.update(data);
  return `sha256:${hasher.digest('hex')}` as Digest;
}
