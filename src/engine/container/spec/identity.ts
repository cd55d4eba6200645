import { isErrno } from '../../../foundation/kernel/syscall-error.ts';
import type { Root } from '../../../foundation/kernel/rooted.ts';
import { resolveUser } from '../../../resources/spec/users.ts';

/** Attack list row 16: user files of any size must not fill our memory. */
const userFileLimitBytes = 8 * 1024 * 1024;

/** With the groups that the request adds. */
export function withGroups(
  identity: ReturnType<typeof resolveUser>,
  groups: readonly number[],
): ReturnType<typeof resolveUser> {
  return { ...identity, additionalGids: [...new Set([...identity.additionalGids, ...groups])] };
}

/** Numeric ids of `user` by the container's own passwd and group files, which are hostile. */
export function identify(
  root: Root,
  user: string,
  groupAdd: readonly string[],
): ReturnType<typeof resolveUser> {
  const passwd = readUserFile(root, '/etc/passwd');
  const group = readUserFile(root, '/etc/group');
  const files = { ...(passwd ? { passwd } : {}), ...(group ? { group } : {}) };
  const identity = resolveUser(user, files, groupAdd);
  // The primary group is a supplementary one too: a program that changes its group must not lose one that files deny (CVE-2022-36109).
  return { ...identity, additionalGids: [...new Set([identity.gid, ...identity.additionalGids])] };
}

function readUserFile(root: Root, path: string): string | undefined {
  try {
    return root.readFile(path, userFileLimitBytes).toString('utf8');
  } catch (error) {
    if (isErrno(error, 'ENOENT') || isErrno(error, 'ENOTDIR')) return undefined;
    throw error;
  }
}
