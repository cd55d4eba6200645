import { isKind } from '../../../foundation/base/errors.ts';
import type { Platform } from '../../../foundation/oci/descriptor.ts';
import type { ImageId } from '../../../foundation/oci/digest.ts';
import { formatPlatform, parsePlatform, platformMatches } from '../../../foundation/oci/platform.ts';
import { formatReference, parseReference, withDefaultTag } from '../../../foundation/oci/reference.ts';
import { loadLayout } from '../sources/layout.ts';
import { layoutOf } from '../sources/origins.ts';
import type { ImageRecord } from '../../image/image.ts';
import type { BuildDeps, BuildRequest } from './types.ts';

/** An image that stages start from or take files of; `step` is the one that is told of a pull. */
export type FindBase = (reference: string, platform: string, step?: number) => Promise<ImageId>;

/** Each is asked for once a build. One for another platform than the wanted one is taken with a warning, as BuildKit does. */
export function createBases(deps: BuildDeps, request: BuildRequest): FindBase {
  const known = new Map<string, Promise<ImageId>>();
  const pull = async (name: string, platform: Platform, step: number | undefined): Promise<ImageRecord> => {
    const reference = withDefaultTag(parseReference(name));
    const pulling = {
      kind: 'pulling',
      reference: formatReference(reference),
      ...(step === undefined ? {} : { step }),
    } as const;
    request.onProgress(pulling);
    const credentials = request.credentialsOf?.(reference.host);
    const { image } = await deps.images.pull({
      reference,
      platform,
      onProgress: (progress) => void request.onProgress({ ...pulling, progress }),
      ...(credentials ? { credentials } : {}),
      ...(request.signal ? { signal: request.signal } : {}),
    });
    return image;
  };
  const here = (name: string, platform?: Platform): ImageRecord | undefined => {
    try {
      return deps.images.resolve(name, platform);
    } catch (error) {
      if (!isKind(error, 'not-found')) throw error;
      return undefined;
    }
  };
  const find = async (name: string, text: string, step: number | undefined): Promise<ImageId> => {
    const platform = parsePlatform(text);
    const layout = layoutOf(request.contexts, name);
    const found = request.pull || layout ? undefined : here(name, platform);
    if (found) return found.id;
    const image = layout
      ? deps.images.resolve(await loadLayout(deps, layout, { platform, signal: request.signal }))
      : await pull(name, platform, step).catch((error: unknown) => {
          const other = request.pull ? undefined : here(name);
          if (other) return other;
          throw error;
        });
    const { os, architecture, variant } = image.config;
    const actual = { os, architecture, ...(variant === undefined ? {} : { variant }) };
    if (!platformMatches(platform, actual))
      request.onProgress({
        kind: 'warning',
        rule: 'InvalidBaseImagePlatform',
        message: `Base image ${name} was pulled with platform "${formatPlatform(actual)}", expected "${text}" for current build`,
        ...(step === undefined ? {} : { step }),
      });
    return image.id;
  };
  return (name, platform, step) => {
    const key = `${name} ${platform}`;
    const found = known.get(key) ?? find(name, platform, step);
    known.set(key, found);
    return found;
  };
}
