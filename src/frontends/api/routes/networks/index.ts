import type { Engine } from '../../../../engine/host/engine.ts';
import type { Route } from '../../call.ts';
import { connectNetwork } from './connect.ts';
import { createNetwork } from './create.ts';
import { disconnectNetwork } from './disconnect.ts';
import { inspectNetwork } from './inspect.ts';
import { listNetworks } from './list.ts';
import { pruneNetworks } from './prune.ts';
import { removeNetwork } from './remove.ts';
import { repairNetworks } from './repair.ts';

export function networkRoutes(engine: Engine): Route[] {
  return [
    listNetworks(engine),
    createNetwork(engine),
    pruneNetworks(engine),
    inspectNetwork(engine),
    removeNetwork(engine),
    repairNetworks(engine),
    connectNetwork(engine),
    disconnectNetwork(engine),
  ];
}
