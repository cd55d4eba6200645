import type { Engine } from '../../../../engine/host/engine.ts';
import type { Route } from '../../call.ts';
import { createVolume } from './create.ts';
import { inspectVolume } from './inspect.ts';
import { listVolumes } from './list.ts';
import { pruneVolumes } from './prune.ts';
import { cloneVolume, exportVolume, importVolume } from './transfer.ts';
import { removeVolume } from './remove.ts';

export function volumeRoutes(engine: Engine): Route[] {
  return [
    listVolumes(engine),
    createVolume(engine),
    pruneVolumes(engine),
    inspectVolume(engine),
    removeVolume(engine),
    exportVolume(engine),
    importVolume(engine),
    cloneVolume(engine),
  ];
}
