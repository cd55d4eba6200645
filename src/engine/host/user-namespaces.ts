import { chmodSync, statSync } from 'node:fs';
import { mkdir, open, readFile } from 'node:fs/promises';
import type { Log } from '../../foundation/base/log.ts';
import type { UserNamespaceSettings } from '../container/context.ts';
import { chooseArea } from '../container/userns/area.ts';
import { whyNoUserNamespaces } from '../container/userns/probe.ts';
import type { EngineSettings } from './settings.ts';

/**
 * Makes the exec root. Root of a container is nobody there and must walk through it to its own files: others may enter, but see nothing, as all that is below is closed or
 * theirs.
 */
export async function openForMounts(execRoot: string): Promise<void> {
  await mkdir(execRoot, { recursive: true, mode: 0o711 });
  const { mode } = statSync(execRoot);
  if ((mode & 0o001) === 0) chmodSync(execRoot, (mode & 0o7777) | 0o001);
}

/** There before whoever fills it would make it with another mode. */
export async function makePrivateFile(path: string): Promise<void> {
  await using file = await open(path, 'a', 0o600);
  await file.chmod(0o600);
}

/** Asked once: which ids containers may have, and whether this machine can give them. */
export async function userNamespaceSettings(
  { userns, usernsRange, execRoot }: Pick<EngineSettings, 'userns' | 'usernsRange' | 'execRoot'>,
  { scratch, log }: { scratch: string; log: Log },
): Promise<UserNamespaceSettings> {
  const [users = '', groups = ''] = await Promise.all(
    ['/etc/subuid', '/etc/subgid'].map((path) => readFile(path, 'utf8').catch(() => '')),
  );
  const area = chooseArea(usernsRange, { users, groups });
  const unavailable = whyNoUserNamespaces({ scratch, execRoot, area });
  if (unavailable !== undefined && userns === 'auto')
    log.warn('containers have the ids of the host', { reason: unavailable });
  return { mode: userns, area, ...(unavailable === undefined ? {} : { unavailable }) };
}
