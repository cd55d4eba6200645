import type { ContainerId, NetworkId } from '../../foundation/base/ids.ts';
import type { Endpoint, Networks } from './network.ts';
import type { EndpointRecord, NetworkRecords } from './records.ts';

/** The endpoints that there are, by container: in memory as in the records. */
export interface EndpointShelf {
  of(containerId: ContainerId): readonly EndpointRecord[];
  all(): EndpointRecord[];
  findOn(containerId: ContainerId, networkId: NetworkId): Endpoint | undefined;
  /** Which of the container's places leads out. */
  gatewayOf(containerId: ContainerId): EndpointRecord | undefined;
  /** Insert, durable first. */
  add(record: EndpointRecord): void;
  /** One that is in the records already. */
  adopt(record: EndpointRecord): void;
  /** Several at once, by their endpoint's id; durable first. */
  replace(records: readonly EndpointRecord[]): void;
  remove(endpoint: Endpoint): void;
  removeAll(containerId: ContainerId): void;
}

export function createEndpointShelf(records: NetworkRecords, networks: Pick<Networks, 'get'>): EndpointShelf {
  const byContainer = new Map<ContainerId, EndpointRecord[]>();
  const of = (containerId: ContainerId): readonly EndpointRecord[] => byContainer.get(containerId) ?? [];
  const put = (containerId: ContainerId, kept: EndpointRecord[]): void => {
    if (kept.length > 0) byContainer.set(containerId, kept);
    else byContainer.delete(containerId);
  };
  const adopt = (record: EndpointRecord): void => {
    const { containerId } = record.endpoint;
    put(containerId, [...of(containerId), record]);
  };
  return {
    of,
    adopt,
    all: () => [...byContainer.values()].flat(),
    findOn: (containerId, networkId) =>
      of(containerId).find(({ endpoint }) => endpoint.networkId === networkId)?.endpoint,
    gatewayOf: (containerId) => gatewayAmong(networks, of(containerId)),
    add(record) {
      records.putEndpoints([record]);
      adopt(record);
    },
    replace(changed) {
      records.putEndpoints(changed);
      for (const record of changed) {
        const { containerId, endpointId } = record.endpoint;
        put(
          containerId,
          of(containerId).map((old) => (old.endpoint.endpointId === endpointId ? record : old)),
        );
      }
    },
    remove({ containerId, endpointId }) {
      records.deleteEndpoints([endpointId]);
      put(
        containerId,
        of(containerId).filter(({ endpoint }) => endpoint.endpointId !== endpointId),
      );
    },
    removeAll(containerId) {
      records.deleteEndpointsOf(containerId);
      byContainer.delete(containerId);
    },
  };
}

/** Out leads the highest priority, then the first name; internal networks lead nowhere. */
export function gatewayAmong(
  networks: Pick<Networks, 'get'>,
  candidates: readonly EndpointRecord[],
): EndpointRecord | undefined {
  return candidates
    .filter(({ endpoint }) => !networks.get(endpoint.networkId).internal)
    .toSorted(
      ({ endpoint: a }, { endpoint: b }) =>
        b.gatewayPriority - a.gatewayPriority || (a.networkName < b.networkName ? -1 : 1),
    )[0];
}
