import { Readable } from 'node:stream';
import { conflict } from '../../../foundation/base/errors.ts';
import { type Context, publish } from '../context.ts';
import { mustBeThere } from './changes.ts';
import type { ContainerChanges } from './files.ts';
import { openMergedRoot } from './merged-root.ts';

/** Nothing waits for it and it waits for nothing: a container may run, stop or start meanwhile; one that is removed breaks the archive off. */
export const createExport =
  (context: Context): ContainerChanges['export'] =>
  async (nameOrId, { signal } = {}) => {
    const record = context.store.get(nameOrId);
    if (record.state.status === 'removing')
      throw conflict(`You cannot export container ${record.id} which is being removed`, {
        code: 'being-removed',
      });
    const root = await openMergedRoot(context, record);
    const pieces = context.pack({
      job: { kind: 'tree', ...(root.ids ? { ids: root.ids } : {}) },
      root: root.fd,
      signal,
    });
    // With the first piece the packer has the directory, and failures to start are told before any answer.
    const first = await pieces.next().finally(() => root[Symbol.dispose]());
    publish(context, record, 'export');
    return Readable.from(
      (async function* () {
        try {
          if (!first.done) yield first.value;
          yield* pieces;
          mustBeThere(context, record.id);
        } finally {
          await pieces.return(undefined);
        }
      })(),
      { objectMode: false, highWaterMark: 1 << 20 },
    );
  };
