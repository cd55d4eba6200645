import { chmod, mkdir } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { createDirectorySync } from '../../foundation/base/directory-sync.ts';
import { conflict } from '../../foundation/base/errors.ts';
import { tryLockFile } from '../../foundation/kernel/file-lock.ts';
import { algorithms, createBlobShelf } from './blob-shelf.ts';
import { createFolders } from './folders.ts';
import { createIndexShelf, type IndexShelfOptions } from './index-shelf.ts';
import { layoutPaths } from './layout-paths.ts';
import type { RegistryStore } from './store.ts';
import { createUploadShelf } from './upload-shelf.ts';

/** Opens the store below `directory` (made when absent). Kind `conflict` while another process has it open. */
export async function openFolderStore(
  directory: string,
  options: IndexShelfOptions = {},
): Promise<RegistryStore> {
  const root = resolve(directory);
  await mkdir(root, { recursive: true, mode: 0o700 });
  const paths = layoutPaths(root);
  for (const algorithm of algorithms)
    await mkdir(paths.poolFolder(algorithm), { recursive: true, mode: 0o700 });
  await mkdir(paths.uploads, { recursive: true, mode: 0o700 });
  await chmod(paths.own, 0o700);
  const lock = await tryLockFile(join(paths.own, 'lock'));
  if (lock === undefined)
    throw conflict(`another process serves the registry below ${root}`, {
      code: 'in-use',
      hint: 'stop it, or choose another --root',
    });
  const syncDirectory = createDirectorySync();
  const context = { paths, syncDirectory, folders: createFolders(root, syncDirectory) };
  const uploads = createUploadShelf(context);
  const indexes = createIndexShelf(context, root, options);
  return {
    blobs: createBlobShelf(context, root),
    indexes,
    uploads,
    async [Symbol.asyncDispose]() {
      await indexes[Symbol.asyncDispose]();
      await uploads[Symbol.asyncDispose]();
      await lock.close();
    },
  };
}
