import { createHash } from 'node:crypto';
import { writeSync } from 'node:fs';
import { parseDigest } from '../../src/foundation/oci/digest.ts';
import { parseRepositoryName } from '../../src/foundation/oci/repository-name.ts';
import { openFolderStore } from '../../src/resources/registry/folder-store.ts';
import type { IndexEntry } from '../../src/resources/registry/store.ts';

/** Tags one manifest after another until somebody kills it, and tells each tag that the store acknowledged. */
const [folder = ''] = process.argv.slice(2);
const store = await openFolderStore(folder, { journalAbove: 2, lagMs: 20 });
const name = parseRepositoryName('many/tags');
const digest = parseDigest(`sha256:${createHash('sha256').update('x').digest('hex')}`);
const entries: IndexEntry[] = [...((await store.indexes.read(name)) ?? [])];
for (let count = entries.length; count < 10_000; count++) {
  const entry = { mediaType: 'a/b', digest, size: 1 };
  const tag = `t${count}`;
  entries.push({ ...entry, tag });
  await store.indexes.change(
    name,
    [
      { kind: 'manifest', ...entry },
      { kind: 'tag', tag, digest },
    ],
    { size: entries.length, entries: () => [...entries] },
  );
  // At once: what waits in this process dies with it.
  writeSync(1, `${tag}\n`);
}
