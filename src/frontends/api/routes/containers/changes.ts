import { setImmediate as nextTurn } from 'node:timers/promises';
import type { FileChange } from '../../../../engine/container/files/files.ts';
import type { Engine } from '../../../../engine/host/engine.ts';
import type { FilesystemChangeJson } from '../../../../foundation/wire/docker/container.ts';
import { answered, ok, type Route } from '../../call.ts';

const kinds: Record<FileChange['kind'], FilesystemChangeJson['Kind']> = { modified: 0, added: 1, deleted: 2 };

export function listContainerChanges(engine: { changes: Pick<Engine['changes'], 'changes'> }): Route {
  return {
    method: 'GET',
    path: '/containers/{id}/changes',
    async handle(call) {
      const changes = await engine.changes.changes(call.param('id'));
      // Go's encoder writes an empty list so.
      if (changes.length === 0) return ok(null);
      if (changes.length <= atOnce) return ok(changes.map(toJson));
      const output = call.exchange.stream(200, 'application/json');
      for (let at = 0; at < changes.length; at += atOnce) {
        const some = changes.slice(at, at + atOnce).map((change) => JSON.stringify(toJson(change)));
        if (!output.write(`${at === 0 ? '[' : ','}${some.join(',')}`)) await output.drained();
        await nextTurn();
      }
      output.write(']\n');
      output.end();
      return answered;
    },
  };
}

/** So many are written in one go; others get their turn in between. */
const atOnce = 2_000;

const toJson = ({ path, kind }: FileChange): FilesystemChangeJson => ({ Path: path, Kind: kinds[kind] });
