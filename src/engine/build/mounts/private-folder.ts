import { randomBytes } from 'node:crypto';
import { chmod, chown, mkdir, readdir, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { faultPoint } from '../../../foundation/base/fault.ts';
import { isMountPoint } from '../../../foundation/kernel/mount-info.ts';
import { makePrivate, mountTmpfs, unmount } from '../../../foundation/kernel/mount.ts';

/** Who may do what with a file, as the container sees it. */
export interface FileOwner {
  mode: number;
  uid: number;
  gid: number;
}

/** Files of one step that never reach a disk. Disposing takes them away; who has one mounted still sees it. */
export interface PrivateFolder extends AsyncDisposable {
  /** A path for something in it; its name is the engine's, never the Dockerfile's. */
  place(): string;
  write(bytes: Uint8Array, owner: FileOwner): Promise<string>;
}

/** More than the bytes themselves: files take whole pages. */
const roomBytes = 4 * 2 ** 20;

export async function openPrivateFolder(directory: string, bytes: number): Promise<PrivateFolder> {
  // Short: the path of a socket has 107 bytes.
  const path = join(directory, randomBytes(5).toString('hex'));
  await mkdir(path, { recursive: true, mode: 0o700 });
  mountTmpfs({
    target: path,
    sizeBytes: bytes + roomBytes,
    mode: 0o700,
    attributes: { noSuid: true, noDev: true },
  });
  makePrivate(path);
  faultPoint('build.mounts.private');
  let files = 0;
  const place = (): string => join(path, String(files++));
  return {
    place,
    async write(content, owner) {
      const file = place();
      await writeFile(file, content, { flag: 'wx', mode: 0o600 });
      await setOwner(file, owner);
      return file;
    },
    [Symbol.asyncDispose]: () => takeAway(path),
  };
}

export async function setOwner(path: string, { mode, uid, gid }: FileOwner): Promise<void> {
  await chown(path, uid, gid);
  await chmod(path, mode);
}

/** Takes away what steps of an engine that died had. */
export async function sweepPrivateFolders(directory: string): Promise<void> {
  await mkdir(directory, { recursive: true, mode: 0o700 });
  for (const name of await readdir(directory)) await takeAway(join(directory, name));
}

async function takeAway(path: string): Promise<void> {
  while (isMountPoint(path)) unmount(path, { detach: true });
  await rm(path, { recursive: true, force: true });
}
