import { withDeadline } from '../../../foundation/base/deadline.ts';
import { createLimiter, type Limiter } from '../../../foundation/base/limiter.ts';
import { mountInfo, type MountInfo } from '../../../foundation/kernel/mount-info.ts';

const deadlineMs = 10_000;
/** The process's threads for files are few, and a file system that does not answer keeps each one that asked. */
const asksAtOnce = 2;
const turns = new Map<string, Limiter>();

/**
 * Asks about a path of the host that may be on a file system which does not answer, such as a share whose server is gone: neither the request nor the
 * engine waits for it for ever (kind `timeout`).
 */
export async function askHost<T>(path: string, work: () => Promise<T>): Promise<T> {
  const place = mountOf(path, mountInfo())?.target ?? '/';
  const turn = turns.get(place) ?? createLimiter(asksAtOnce);
  turns.set(place, turn);
  let isLate = false;
  // Whose deadline came while it waited for its turn has its answer already.
  const asked = turn.run(async () => (isLate ? Promise.reject(new Error('late')) : await work()));
  try {
    return await withDeadline(asked, deadlineMs, `looking at the mount source ${path}`);
  } finally {
    isLate = true;
  }
}

/** The last of the longest wins: it covers the others. */
export function mountOf(path: string, mounts: readonly MountInfo[]): MountInfo | undefined {
  let best: MountInfo | undefined;
  for (const mount of mounts) {
    const { target } = mount;
    const holds = target === '/' || path === target || path.startsWith(`${target}/`);
    if (holds && (!best || target.length >= best.target.length)) best = mount;
  }
  return best;
}
