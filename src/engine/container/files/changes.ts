import { readChanges } from '../../../foundation/archive/pack-process.ts';
import { conflict, exhausted, notFound } from '../../../foundation/base/errors.ts';
import type { ContainerId } from '../../../foundation/base/ids.ts';
import type { ContainerSnapshot } from '../../../resources/snapshot/snapshot.ts';
import type { ContainerRecord } from '../container.ts';
import type { Context } from '../context.ts';
import type { ContainerChanges, FileChange } from './files.ts';

const kinds = { A: 'added', C: 'modified', D: 'deleted' } as const satisfies Record<
  string,
  FileChange['kind']
>;

/** More than a listing is good for; each costs memory. */
const changesLimit = 2_000_000;

/** Against the layers and the init layer: what the engine put there itself is no change of the container's. */
export const createChanges =
  (context: Context): ContainerChanges['changes'] =>
  async (nameOrId) => {
    const record = context.store.get(nameOrId);
    const { upper, lower } = (await snapshotOf(context, record)).mount;
    const changes: FileChange[] = [];
    for await (const some of readChanges(context.pack({ job: { kind: 'changes', upper, lowers: lower } }))) {
      for (const { kind, path } of some)
        changes.push({ kind: kinds[kind], path: Buffer.from(path, 'latin1').toString('utf8') });
      if (changes.length > changesLimit)
        throw exhausted(`more than ${changesLimit} files of the container changed`, {
          code: 'too-many-changes',
        });
    }
    mustBeThere(context, record.id);
    return changes;
  };

export async function snapshotOf(
  context: Context,
  { id, layers }: ContainerRecord,
): Promise<ContainerSnapshot> {
  return (await context.snapshots.find(id)) ?? (await context.snapshots.restore(id, layers));
}

/** A removal takes the files away under the walk, which passes over what is missing: what was read is then not the whole. */
export function mustBeThere(context: Context, id: ContainerId): void {
  const record = context.store.find(id);
  if (!record) throw notFound(`No such container: ${id}`, { code: 'no-such-container' });
  if (record.state.status === 'removing')
    throw conflict(`container ${id} is being removed`, { code: 'being-removed' });
}
