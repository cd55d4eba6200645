import { writeSync } from 'node:fs';
import { packTree } from '../../../foundation/archive/rooted/pack.ts';
import type { IdMappings } from '../../../foundation/kernel/id-mapping.ts';
import { setNonBlocking } from '../../../foundation/kernel/io.ts';
import type { Reopener } from '../../../foundation/kernel/reopen.ts';
import type { Root } from '../../../foundation/kernel/rooted.ts';
import { openAndStat, toBytes } from './helper-place.ts';
import type { HelperAction } from './protocol.ts';

/** Writes what the path holds to standard output, as an archive. */
export function prepareRead(
  root: Root,
  reopener: Reopener,
  { path, name, ids }: HelperAction & { op: 'read' } & { ids: IdMappings | undefined },
): () => void {
  return () => {
    setNonBlocking(1, 'blocking');
    const place = openAndStat(root, path);
    for (const bytes of packTree({ place, name: toBytes(name), reopener, unreadable: 'skip', ids }))
      for (let done = 0; done < bytes.length;) done += writeSync(1, bytes, done);
  };
}
