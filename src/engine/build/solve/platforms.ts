import { readdirSync, readFileSync } from 'node:fs';
import { invalid, unsupported } from '../../../foundation/base/errors.ts';
import type { Platform } from '../../../foundation/oci/descriptor.ts';
import {
  formatPlatform,
  hostPlatform,
  parsePlatform,
  platformMatches,
} from '../../../foundation/oci/platform.ts';
import type { Graph } from '../graph/graph.ts';
import type { VertexId } from '../graph/vertex.ts';

/** More than there are in any index. */
const mostPlatforms = 32;

/** `linux/amd64,linux/arm64`: each once; the host's when nothing is said. */
export function targetPlatforms(text: string | undefined): Platform[] {
  const words = (text ?? '').split(',').filter((word) => word.trim() !== '');
  if (words.length === 0) return [hostPlatform()];
  if (words.length > mostPlatforms)
    throw invalid(`more than ${mostPlatforms} platforms`, { code: 'too-many-platforms' });
  const platforms = words.map((word) => parsePlatform(word.trim()));
  return [...new Map(platforms.map((platform) => [formatPlatform(platform), platform])).values()];
}

/** Kind `unsupported`, before anything is run, for a RUN whose programs neither this machine nor an emulator runs. */
export function mustRun({ vertices, places }: Graph, handlers = binfmtHandlers): void {
  const platforms = new Map<VertexId, string>();
  let known: readonly string[] | undefined;
  for (const [id, vertex] of vertices) {
    const platform = 'platform' in vertex ? vertex.platform : 'root' in vertex && platforms.get(vertex.root);
    if (typeof platform !== 'string') continue;
    platforms.set(id, platform);
    if (vertex.kind !== 'exec' || platformMatches(hostPlatform(), parsePlatform(platform))) continue;
    known ??= handlers();
    const { architecture } = parsePlatform(platform);
    const name = `qemu-${emulated[architecture] ?? architecture}`;
    if (known.includes(name)) continue;
    const [place] = places.get(id) ?? [];
    const line = place === undefined ? '' : `dockerfile line ${place.span.line}: `;
    throw unsupported(
      `${line}RUN for ${platform} needs an emulator on ${formatPlatform(hostPlatform())}: ${(place?.title ?? 'RUN').slice(0, 200)}`,
      {
        code: 'no-emulator',
        hint: `install one and register it with the kernel (packages qemu-user-static and binfmt-support, which make ${name}), or compile in a stage FROM --platform=$BUILDPLATFORM`,
      },
    );
  }
}

/** As qemu calls them. */
const emulated: Readonly<Record<string, string>> = {
  amd64: 'x86_64',
  386: 'i386',
  arm64: 'aarch64',
  arm: 'arm',
  riscv64: 'riscv64',
  ppc64le: 'ppc64le',
  s390x: 's390x',
  mips64le: 'mips64el',
  loong64: 'loongarch64',
};

const binfmtFolder = '/proc/sys/fs/binfmt_misc';

/** Names of what is registered, enabled, and there in every root (flag F of the kernel's binfmt-misc documentation). */
function binfmtHandlers(): string[] {
  const read = (name: string): string => {
    try {
      return readFileSync(`${binfmtFolder}/${name}`, 'utf8');
    } catch {
      return '';
    }
  };
  try {
    return readdirSync(binfmtFolder).filter(
      (name) => name.startsWith('qemu-') && /^enabled$/m.test(read(name)) && /^flags: .*F/m.test(read(name)),
    );
  } catch {
    return [];
  }
}
