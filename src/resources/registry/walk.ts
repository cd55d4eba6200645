import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { isRepositoryName, type RepositoryName } from '../../foundation/oci/repository-name.ts';
import { unlessMissing } from './errno.ts';
import { fromFolder } from './layout-paths.ts';

/** Repositories whose folder has an entry of this name. */
export async function repositoriesWith(
  root: string,
  part: 'index.json' | 'blobs',
): Promise<RepositoryName[]> {
  const found: RepositoryName[] = [];
  const walk = async (folder: string, prefix: string): Promise<void> => {
    // One that goes away meanwhile is none.
    for (const entry of (await readdir(folder, { withFileTypes: true }).catch(unlessMissing)) ?? []) {
      if (entry.name === part && isRepositoryName(prefix)) found.push(prefix);
      const component = entry.isDirectory() ? fromFolder(entry.name) : undefined;
      if (component === undefined) continue;
      const name = prefix === '' ? component : `${prefix}/${component}`;
      if (isRepositoryName(name)) await walk(join(folder, entry.name), name);
    }
  };
  await walk(root, '');
  return found;
}
