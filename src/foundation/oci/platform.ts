import { invalid, notFound } from '../base/errors.ts';
import type { Descriptor, Platform } from './descriptor.ts';
import type { ImageIndex } from './manifest.ts';

const component = /^[A-Za-z0-9_.-]{1,64}$/;
const operatingSystems = new Set(['linux', 'windows', 'darwin', 'freebsd', 'macos', 'wasi', 'wasip1']);

// What Node calls the processor -> what Go, and so OCI, calls it.
const hostArchitectures: Record<string, string> = {
  x64: 'amd64',
  ia32: '386',
  arm64: 'arm64',
  arm: 'arm',
  ppc64: 'ppc64le',
  s390x: 's390x',
  riscv64: 'riscv64',
  loong64: 'loong64',
};

/** The platform this process runs on. */
export function hostPlatform(): Platform {
  return normalizePlatform({ os: 'linux', architecture: hostArchitectures[process.arch] ?? process.arch });
}

/**
 * Reads `linux/arm64/v8`, `linux`, `arm64`, `linux/amd64`; what is missing comes from the host. Kind `invalid` with a sentence
 * that shows the form.
 */
export function parsePlatform(text: string, host: Platform = hostPlatform()): Platform {
  const parts = text.split('/');
  if (parts.length > 3 || !parts.every((part) => component.test(part)))
    throw invalid(
      `invalid platform "${text.slice(0, 100)}": want OS[/ARCH[/VARIANT]], for example linux/arm64`,
      {
        code: 'invalid-platform',
      },
    );
  const [first = '', architecture, variant] = parts;
  if (architecture !== undefined)
    return normalizePlatform({ os: first, architecture, ...(variant === undefined ? {} : { variant }) });
  return operatingSystems.has(first.toLowerCase())
    ? normalizePlatform({ ...host, os: first })
    : normalizePlatform({ os: host.os, architecture: first });
}

/** `linux/arm64/v9`; the variant is left out where it is the architecture's usual one. */
export function formatPlatform(platform: Platform): string {
  const { os, architecture, variant } = normalizePlatform(platform);
  return [os, architecture, variant].filter((part) => part !== undefined && part !== '').join('/');
}

/** One spelling per platform, as containerd's `platforms.Normalize` has it: `aarch64` and `arm64/v8` become `arm64`. */
export function normalizePlatform(platform: Platform): Platform {
  const os = platform.os.toLowerCase();
  const [architecture, variant] = normalizeArchitecture(
    platform.architecture.toLowerCase(),
    (platform.variant ?? '').toLowerCase(),
  );
  const { variant: _, ...rest } = platform;
  return {
    ...rest,
    os: os === 'macos' ? 'darwin' : os,
    architecture,
    ...(variant === '' ? {} : { variant }),
  };
}

function normalizeArchitecture(architecture: string, variant: string): [string, string] {
  switch (architecture) {
    case 'i386':
      return ['386', ''];
    case 'x86_64':
    case 'x86-64':
    case 'amd64':
      return ['amd64', variant === 'v1' ? '' : variant];
    case 'aarch64':
    case 'arm64':
      if (['8', 'v8', 'v8.0'].includes(variant)) return ['arm64', ''];
      return ['arm64', ['9', '9.0', 'v9.0'].includes(variant) ? 'v9' : variant];
    case 'armhf':
      return ['arm', 'v7'];
    case 'armel':
      return ['arm', 'v6'];
    case 'arm':
      if (variant === '') return ['arm', 'v7'];
      return ['arm', /^[5-8]$/.test(variant) ? `v${variant}` : variant];
    default:
      return [architecture, variant];
  }
}

/** Platforms whose programs run on `wanted`, best first (64-bit ARM runs 32-bit ARM, amd64 runs 386). */
function runnablePlatforms(wanted: Platform): Platform[] {
  const { os, architecture, variant = '' } = normalizePlatform(wanted);
  const make = (arch: string, ...variants: string[]): Platform[] =>
    variants.map((each) => ({ os, architecture: arch, ...(each === '' ? {} : { variant: each }) }));
  const arm = (from: number): string[] => ['v8', 'v7', 'v6', 'v5'].slice(Math.max(0, 8 - from));
  if (architecture === 'amd64') {
    const level = /^v[2-9]$/.test(variant) ? Number(variant.slice(1)) : 1;
    const levels = Array.from({ length: level }, (_, index) =>
      level - index === 1 ? '' : `v${level - index}`,
    );
    return [...make('amd64', ...levels), ...make('386', '')];
  }
  if (architecture === 'arm') {
    const level = /^v[5-8]$/.test(variant) ? Number(variant.slice(1)) : undefined;
    return make('arm', ...(level === undefined ? [variant] : arm(level)));
  }
  if (architecture === 'arm64')
    return [...make('arm64', ...new Set([variant, ''])), ...make('arm', ...arm(8))];
  return make(architecture, variant);
}

/** Whether an image of platform `offered` runs on `wanted`. */
export function platformMatches(wanted: Platform, offered: Platform): boolean {
  return rankOf(runnablePlatforms(wanted), offered) !== undefined;
}

/** The offer whose programs run best on `wanted`; the first of equals. */
export function bestFor<T>(
  wanted: Platform,
  offers: readonly T[],
  platformOf: (offer: T) => Platform,
): T | undefined {
  const runnable = runnablePlatforms(wanted);
  let best: { offer: T; rank: number } | undefined;
  for (const offer of offers) {
    const rank = rankOf(runnable, platformOf(offer));
    if (rank !== undefined && rank < (best?.rank ?? Infinity)) best = { offer, rank };
  }
  return best?.offer;
}

/**
 * The entry of the index that suits best; the first of equals. Entries without a platform come last, attestations never.
 * Kind `not-found`, with the platforms that there are.
 */
export function choosePlatform(index: ImageIndex, wanted: Platform): Descriptor {
  const runnable = runnablePlatforms(wanted);
  let best: { entry: Descriptor; rank: number } | undefined;
  for (const entry of index.manifests) {
    if (isAttestation(entry)) continue;
    const rank = entry.platform === undefined ? runnable.length : rankOf(runnable, entry.platform);
    if (rank !== undefined && rank < (best?.rank ?? Infinity)) best = { entry, rank };
  }
  if (best) return best.entry;
  const offered = index.manifests
    .filter((entry) => entry.platform !== undefined && !isAttestation(entry))
    .map((entry) => (entry.platform === undefined ? '' : formatPlatform(entry.platform)));
  throw notFound(`no matching manifest for ${formatPlatform(wanted)} in the manifest list entries`, {
    code: 'no-matching-platform',
    hint:
      offered.length === 0
        ? 'the image has no entry for any platform'
        : `the image exists for ${[...new Set(offered)].slice(0, 20).join(', ')}; choose one with --platform`,
  });
}

/** BuildKit's attestations stand in the index as entries for the platform `unknown/unknown`. */
export function isAttestation(entry: Descriptor): boolean {
  return (
    entry.annotations?.['vnd.docker.reference.type'] === 'attestation-manifest' ||
    (entry.platform?.os === 'unknown' && entry.platform.architecture === 'unknown')
  );
}

function rankOf(runnable: readonly Platform[], offered: Platform): number | undefined {
  const { os, architecture, variant } = normalizePlatform(offered);
  const index = runnable.findIndex(
    (each) => each.os === os && each.architecture === architecture && each.variant === variant,
  );
  return index < 0 ? undefined : index;
}
