import { invalid } from '../../../foundation/base/errors.ts';

/** What `--userns` says, taken apart. */
export type UserNamespaceMode =
  /** The engine's own choice. */
  | { kind: 'default' }
  /** The host's. */
  | { kind: 'host' }
  /** One of the container's own, with ids that no other running container has. */
  | { kind: 'auto' }
  /** As `auto`, but these two ids are the same inside and outside. */
  | { kind: 'keep-id'; uid: number; gid: number }
  /** Another container's, by name or id. */
  | { kind: 'container'; of: string };

/** Ids that a container has: all that 16 bits name, which images rely on. */
export const idsPerContainer = 65_536;

/** Kind `invalid`, in Docker's words, for what means nothing. */
export function parseUserNamespaceMode(text: string): UserNamespaceMode {
  if (text === '') return { kind: 'default' };
  if (text === 'host') return { kind: 'host' };
  if (text === 'auto') return { kind: 'auto' };
  const of = /^container:(.+)$/.exec(text)?.[1];
  if (of !== undefined) return { kind: 'container', of };
  if (text === 'keep-id' || text.startsWith('keep-id:')) return parseKeepId(text);
  throw wrongMode(text);
}

function parseKeepId(text: string): UserNamespaceMode {
  const words = Object.fromEntries(
    text
      .slice('keep-id:'.length)
      .split(',')
      .map((word) => word.split('=', 2)),
  ) as Record<string, string | undefined>;
  const [uid, gid] = [idOf(words['uid'], text), idOf(words['gid'] ?? words['uid'], text)];
  return { kind: 'keep-id', uid, gid };
}

/** Root's own is never kept: that would be the host's root again. */
function idOf(word: string | undefined, text: string): number {
  const id = /^\d{1,5}$/.test(word ?? '') ? Number(word) : Number.NaN;
  if (id > 0 && id < idsPerContainer) return id;
  throw invalid(`invalid userns mode: ${text}: it wants keep-id:uid=UID,gid=GID with ids from 1 to 65535`, {
    code: 'invalid-userns',
    hint: 'for example --userns=keep-id:uid=1000,gid=1000; root is not kept, use --userns=host for that',
  });
}

function wrongMode(text: string): Error {
  return invalid(`invalid userns mode: ${text}`, {
    code: 'invalid-userns',
    hint: 'known are auto, host, keep-id:uid=UID,gid=GID and container:NAME',
  });
}
