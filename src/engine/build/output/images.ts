import { platformMatches } from '../../../foundation/oci/platform.ts';
import type { Platform } from '../../../foundation/oci/descriptor.ts';
import { inlineCacheKey } from '../cache-transfer/format.ts';
import type { AssembledImage, AssembleRequest, Statement } from '../../image/assemble/assembly.ts';
import type { Descriptor } from '../../../foundation/oci/descriptor.ts';
import type { ImageForm, OutputAnnotation, PlatformResult } from './output.ts';

/** Statements about the image of one platform. */
export type Attest = (result: PlatformResult, manifest: Descriptor) => Promise<readonly Statement[]>;

/** What the image engine is to make of the results. */
export function assembleRequest(
  results: readonly [PlatformResult, ...PlatformResult[]],
  {
    form,
    annotations,
    attest,
    inline,
    signal,
  }: {
    form: ImageForm;
    annotations: readonly OutputAnnotation[];
    attest?: Attest | undefined;
    /** What stands in the manifest about the cache. */
    inline?: ((result: PlatformResult) => string | undefined) | undefined;
    signal?: AbortSignal | undefined;
  },
): AssembleRequest {
  const all = [...annotations, ...form.annotations];
  const inlineOf = (result: PlatformResult): Record<string, string> => {
    const text = inline?.(result);
    return text === undefined ? {} : { [inlineCacheKey]: text };
  };
  const imageOf = (result: PlatformResult): AssembledImage => ({
    image: result.image,
    platform: result.platform,
    annotations: { ...pick(all, 'manifest', result.platform), ...inlineOf(result) },
    descriptorAnnotations: pick(all, 'manifest-descriptor', result.platform),
    ...(attest ? { attest: (manifest) => attest(result, manifest) } : {}),
  });
  const [first, ...others] = results;
  // Annotations have no place in Docker's manifests.
  const isAnnotated = all.some(({ on }) => on === 'manifest' || on === 'index');
  const family = isAnnotated || attest || inline ? 'oci' : form.family;
  return {
    images: [imageOf(first), ...others.map(imageOf)],
    layers: form.layers,
    indexAnnotations: pick(all, 'index'),
    rootAnnotations: pick(
      all,
      results.length === 1 ? 'manifest-descriptor' : 'index-descriptor',
      first.platform,
    ),
    ...(family === undefined ? {} : { family }),
    ...(signal ? { signal } : {}),
  };
}

function pick(
  annotations: readonly OutputAnnotation[],
  on: OutputAnnotation['on'],
  platform?: Platform,
): Record<string, string> {
  return Object.fromEntries(
    annotations
      .filter(
        (each) =>
          each.on === on &&
          (each.platform === undefined || platform === undefined || platformMatches(each.platform, platform)),
      )
      .map(({ key, value }) => [key, value]),
  );
}
