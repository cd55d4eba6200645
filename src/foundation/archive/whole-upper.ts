import { closeSync } from 'node:fs';
import { createPace } from '../base/pace.ts';
import { openat } from '../kernel/at.ts';
import { O_NOFOLLOW, O_NONBLOCK, O_RDONLY } from '../kernel/flags.ts';
import { isDirectory, isRegular } from '../kernel/stat.ts';
import { listXattrs } from '../kernel/xattr.ts';
import { toKernelPath, whiteoutPrefix } from './byte-path.ts';
import { tarTypeOf } from './member-status.ts';
import { type UpperNode, walkUpper } from './upper-walk.ts';
import { isAllowedXattr } from './xattr-policy.ts';

/** Up to here looking, and reading for the archive, is done between other work; a process of its own would cost more. */
const smallEntries = 4000;
const smallBytes = 16 << 20;

/**
 * The sum of the files' sizes, and the highest id of their owners, when an overlay upper folder is small and holds just what its archive would unpack to, so that it may become the layer's
 * folder itself. Undefined for others: sockets, names that mean deletions, attributes that no layer carries. Nothing may write to it.
 */
export async function measureWhole(
  upper: string,
): Promise<{ sizeBytes: number; highestId: number } | undefined> {
  const pace = createPace(1.5);
  const counted = new Set<bigint>();
  let entries = 0;
  let sizeBytes = 0;
  let highestId = 0;
  for (const node of walkUpper(upper)) {
    const turn = pace();
    if (turn) await turn;
    if (++entries > smallEntries || sizeBytes > smallBytes) return undefined;
    if (node.name.startsWith(whiteoutPrefix)) return undefined;
    if (node.kind === 'whiteout') continue;
    if (tarTypeOf(node.status) === undefined || !hasLayerXattrs(node)) return undefined;
    highestId = Math.max(highestId, node.status.uid, node.status.gid);
    if (!isRegular(node.status)) continue;
    if (node.status.nlink > 1) {
      if (counted.has(node.status.ino)) continue;
      counted.add(node.status.ino);
    }
    sizeBytes += node.status.sizeBytes;
  }
  return { sizeBytes, highestId };
}

/** Attributes of links, devices and the like are in no archive. Those of overlayfs that stay tell of the file's origin and do no harm below others. */
function hasLayerXattrs({ status, parent, name }: UpperNode): boolean {
  if (!isRegular(status) && !isDirectory(status)) return true;
  const fd = openat(parent, toKernelPath(name), O_RDONLY | O_NOFOLLOW | O_NONBLOCK);
  try {
    return listXattrs(fd).every((each) => isAllowedXattr(each) || ownOfOverlay.has(each));
  } finally {
    closeSync(fd);
  }
}

/** Overlayfs documentation: "Inode properties", "whiteouts and opaque directories". What moves contents elsewhere is not among them. */
const ownOfOverlay = new Set(
  ['opaque', 'origin', 'impure', 'nlink', 'uuid'].map((name) => `trusted.overlay.${name}`),
);
