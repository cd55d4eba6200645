import {
  parseContainerId,
  parseNetworkId,
  type ContainerId,
  type NetworkId,
} from '../../foundation/base/ids.ts';
import type { Database } from '../../foundation/db/database.ts';
import type { Endpoint, NetworkInfo } from './network.ts';

/** A network as it is kept. */
export interface NetworkRecord {
  info: NetworkInfo;
  /** The subnet was ours to choose, so another may be chosen while nobody uses it. */
  automaticSubnet: boolean;
}

/** An endpoint as it is kept, with the name that recovered error texts need. */
export interface EndpointRecord {
  endpoint: Endpoint;
  containerName: string;
}

/**
 * The rows behind networks and endpoints. Networks are durable against power cuts; endpoints only matter while their containers run, so a
 * database without that guarantee is enough for them (`openDatabase(path, { relaxed: true })`).
 */
export interface NetworkRecords {
  networks(): NetworkRecord[];
  putNetwork(record: NetworkRecord): void;
  deleteNetwork(id: NetworkId): void;
  endpoints(): EndpointRecord[];
  /** Insert or change; several in one transaction. */
  putEndpoints(records: readonly EndpointRecord[]): void;
  deleteEndpoints(endpointIds: readonly string[]): void;
  deleteEndpointsOf(containerId: ContainerId): void;
}

const networkTables = [
  `CREATE TABLE network (
     id TEXT PRIMARY KEY, name TEXT NOT NULL UNIQUE, automatic_subnet INTEGER NOT NULL, info TEXT NOT NULL
   ) STRICT`,
];
const endpointTables = [
  `CREATE TABLE endpoint (
     id TEXT PRIMARY KEY, container_id TEXT NOT NULL, network_id TEXT NOT NULL, container_name TEXT NOT NULL, detail TEXT NOT NULL,
     UNIQUE (container_id, network_id)
   ) STRICT`,
];

export function openNetworkRecords(durable: Database, volatile: Database): NetworkRecords {
  durable.migrate('network', networkTables);
  volatile.migrate('endpoint', endpointTables);
  return {
    networks: () =>
      durable
        .all<{ id: string; automatic_subnet: number; info: string }>('SELECT * FROM network ORDER BY rowid')
        .map((row) => ({
          info: { ...(JSON.parse(row.info) as NetworkInfo), id: parseNetworkId(row.id) },
          automaticSubnet: row.automatic_subnet === 1,
        })),
    putNetwork: ({ info, automaticSubnet }) =>
      void durable.run(
        'INSERT OR REPLACE INTO network (id, name, automatic_subnet, info) VALUES (?, ?, ?, ?)',
        info.id,
        info.name,
        automaticSubnet ? 1 : 0,
        JSON.stringify(info),
      ),
    deleteNetwork: (id) => void durable.run('DELETE FROM network WHERE id = ?', id),
    endpoints: () =>
      volatile
        .all<{ container_id: string; network_id: string; container_name: string; detail: string }>(
          'SELECT * FROM endpoint',
        )
        .map((row) => ({
          endpoint: {
            ...readEndpoint(row.detail),
            containerId: parseContainerId(row.container_id),
            networkId: parseNetworkId(row.network_id),
          },
          containerName: row.container_name,
        })),
    putEndpoints: (changed) =>
      volatile.transaction(() => {
        for (const { endpoint, containerName } of changed)
          volatile.run(
            'INSERT OR REPLACE INTO endpoint (id, container_id, network_id, container_name, detail) VALUES (?, ?, ?, ?, ?)',
            endpoint.endpointId,
            endpoint.containerId,
            endpoint.networkId,
            containerName,
            JSON.stringify(endpoint),
          );
      }),
    deleteEndpoints: (ids) =>
      volatile.transaction(() => {
        for (const id of ids) volatile.run('DELETE FROM endpoint WHERE id = ?', id);
      }),
    deleteEndpointsOf: (containerId) =>
      void volatile.run('DELETE FROM endpoint WHERE container_id = ?', containerId),
  };
}

/** Rows of an engine that knew no settings of interfaces have none. */
function readEndpoint(detail: string): Endpoint {
  const endpoint = JSON.parse(detail) as Omit<Endpoint, 'sysctls'> & Partial<Endpoint>;
  return { ...endpoint, sysctls: endpoint.sysctls ?? [] };
}
