import { chmodSync, chownSync, statSync } from 'node:fs';

/**
 * crun 1.8 gives the standard streams to the container's user, also an input that is the host's `/dev/null`: it would be theirs to close to everybody. Called when the process is
 * there and, for a container, before its program runs; when a start failed; and at the start of the engine, which may have died in between.
 */
export function takeBackNullDevice(): void {
  const status = statSync('/dev/null', { throwIfNoEntry: false });
  if (!status?.isCharacterDevice()) return;
  if (status.uid !== 0 || status.gid !== 0) chownSync('/dev/null', 0, 0);
  // Only after that nobody else can change it again.
  if ((status.mode & 0o7777) !== 0o666) chmodSync('/dev/null', 0o666);
}
