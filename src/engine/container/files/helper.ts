import { mkdirSync } from 'node:fs';
import { archiveErrorToJson } from '../../../foundation/base/error-json.ts';
import { canceled } from '../../../foundation/base/errors.ts';
import { closeDescriptor } from '../../../foundation/kernel/at.ts';
import { chrootInto, dieWithParent, forbidNewPrivileges } from '../../../foundation/kernel/confine.ts';
import { makeFilesAs } from '../../../foundation/kernel/file-identity.ts';
import type { IdMappings } from '../../../foundation/kernel/id-mapping.ts';
import { ownerOutside } from '../../../foundation/archive/owner-map.ts';
import { createReopener, type Reopener } from '../../../foundation/kernel/reopen.ts';
import { type Root, rootAt } from '../../../foundation/kernel/rooted.ts';
import { openAndStat, reply } from './helper-place.ts';
import { type HelperAction, type HelperRequest, rootFd } from './protocol.ts';

/*
 * The helper for files of one container: one request, then it ends. Its own root is an empty folder, so that no path leads anywhere, neither to the host nor
 * to a library of the container (CVE-2019-14271); the container's files are reached by one descriptor and `openat2` alone.
 */

/** Main function of the helper: `argv` is the request as JSON. Resolves with the exit code. */
export async function runFilesHelper(argv: readonly string[]): Promise<number> {
  try {
    await serve(JSON.parse(argv[0] ?? '{}') as HelperRequest);
    reply({ type: 'done' });
    return 0;
  } catch (thrown) {
    reply({ type: 'error', error: archiveErrorToJson(thrown) });
    return 1;
  }
}

async function serve(request: HelperRequest): Promise<void> {
  dieWithParent();
  if (process.ppid !== request.parentPid) throw canceled('the engine that started the helper is gone');
  forbidNewPrivileges();
  process.umask(0);
  const reopener = createReopener();
  const prepare = await loadAction(request.action);
  const { root, jail } = await openContainer(request);
  const ids = request.root.kind === 'running' ? request.root.ids : undefined;
  // What is made on the way is root's, and file systems of the container take nothing from anybody else.
  if (ids) makeFilesAs(ownerOutside({ uid: 0, gid: 0 }, ids));
  const run = prepare(root, reopener, ids);
  chrootInto(jail);
  await run();
}

/** Does what needs paths of the host; the result does the work, in the jail. */
type Prepare = (root: Root, reopener: Reopener, ids: IdMappings | undefined) => () => void | Promise<void>;

/** Loads only what the action needs, because loading is most of what a small copy costs; in the jail there is no file left to load. */
async function loadAction(action: HelperAction): Promise<Prepare> {
  switch (action.op) {
    case 'stat':
      return (root) => () => closeDescriptor(openAndStat(root, action.path));
    case 'read': {
      const { prepareRead } = await import('./helper-read.ts');
      return (root, reopener, ids) => prepareRead(root, reopener, { ...action, ids });
    }
    case 'seed': {
      const { prepareSeed } = await import('./helper-seed.ts');
      return (root, reopener) => prepareSeed(root, reopener, action);
    }
    case 'write': {
      const { prepareWrite } = await import('./helper-write.ts');
      return (root, _, ids) => prepareWrite(root, { ...action, ids });
    }
  }
}

/** The container's files, and an empty folder to be our own root. */
async function openContainer({ root, emptyDirectory }: HelperRequest): Promise<{ root: Root; jail: string }> {
  if (root.kind === 'running') return { root: rootAt(rootFd), jail: emptyDirectory };
  const { mountPrivately } = await import('./private-root.ts');
  const opened = mountPrivately(root, emptyDirectory);
  const jail = `${emptyDirectory}/empty`;
  mkdirSync(jail, { mode: 0o500 });
  return { root: opened, jail };
}
