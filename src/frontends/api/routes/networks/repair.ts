import type { Engine } from '../../../../engine/host/engine.ts';
import { noContent, type Route } from '../../call.ts';

/** Ours: bridges, their members and the firewall rules are made as the records say. */
export function repairNetworks(engine: { networks: Pick<Engine['networks'], 'repair'> }): Route {
  return {
    method: 'POST',
    path: '/silo/networks/repair',
    async handle() {
      await engine.networks.repair();
      return noContent;
    },
  };
}
