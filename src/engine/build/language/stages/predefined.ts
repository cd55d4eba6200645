import { formatPlatform } from '../../../../foundation/oci/platform.ts';
import type { Platform } from '../../../../foundation/oci/descriptor.ts';

/** Arguments that RUN sees without ARG when `--build-arg` gives them; they are in no history and no cache key. */
export const proxyArguments: readonly string[] = ['HTTP', 'HTTPS', 'FTP', 'NO', 'ALL'].flatMap((name) => [
  `${name}_PROXY`,
  `${name.toLowerCase()}_proxy`,
]);

/** Arguments that steer the build itself; no ARG needs to take them. */
export const steeringArguments: readonly string[] = [
  'SOURCE_DATE_EPOCH',
  'BUILDKIT_CACHE_MOUNT_NS',
  'BUILDKIT_CONTEXT_KEEP_GIT_DIR',
  'BUILDKIT_INLINE_CACHE',
  'BUILDKIT_MULTI_PLATFORM',
  'BUILDKIT_SANDBOX_HOSTNAME',
  'BUILDKIT_SYNTAX',
  'BUILDKIT_DOCKERFILE_CHECK',
];

export interface BuildPlatforms {
  /** Where the build runs. */
  build: Platform;
  /** What the image is for. */
  target: Platform;
}

/** `TARGETPLATFORM` and its sisters: known in every FROM, in a stage behind `ARG TARGETPLATFORM`. */
export function platformArguments(platforms: BuildPlatforms, targetStage: string): Map<string, string> {
  const of = (prefix: string, platform: Platform): [string, string][] => [
    [`${prefix}PLATFORM`, formatPlatform(platform)],
    [`${prefix}OS`, platform.os],
    [`${prefix}OSVERSION`, platform['os.version'] ?? ''],
    [`${prefix}ARCH`, platform.architecture],
    [`${prefix}VARIANT`, platform.variant ?? ''],
  ];
  return new Map([
    ...of('BUILD', platforms.build),
    ...of('TARGET', platforms.target),
    ['TARGETSTAGE', targetStage],
  ]);
}
