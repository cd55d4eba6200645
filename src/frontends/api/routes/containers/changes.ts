import type { FileChange } from '../../../../engine/container/files/files.ts';
import type { Engine } from '../../../../engine/host/engine.ts';
import type { FilesystemChangeJson } from '../../../../foundation/wire/docker/container.ts';
import { ok, type Route } from '../../call.ts';

const kinds: Record<FileChange['kind'], FilesystemChangeJson['Kind']> = { modified: 0, added: 1, deleted: 2 };

export function listContainerChanges(engine: { changes: Pick<Engine['changes'], 'changes'> }): Route {
  return {
    method: 'GET',
    path: '/containers/{id}/changes',
    async handle(call) {
      const changes = await engine.changes.changes(call.param('id'));
      const json = changes.map(({ path, kind }): FilesystemChangeJson => ({ Path: path, Kind: kinds[kind] }));
      // Go's encoder writes an empty list so.
      return ok(json.length === 0 ? null : json);
    },
  };
}
