import { chownSync, statSync } from 'node:fs';

/**
 * crun 1.8 gives the standard streams to the container's user, also an input that is the host's `/dev/null`: it would be theirs to close to everybody. Called when the process is
 * there and, for a container, before its program runs.
 */
export function takeBackNullDevice(): void {
  const status = statSync('/dev/null', { throwIfNoEntry: false });
  if (status?.isCharacterDevice() && (status.uid !== 0 || status.gid !== 0)) chownSync('/dev/null', 0, 0);
}
