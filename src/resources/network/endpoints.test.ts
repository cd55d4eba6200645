import { expect, test } from 'bun:test';
import { setTimeout as delay } from 'node:timers/promises';
import { parseContainerId, parseNetworkId } from '../../foundation/base/ids.ts';
import { silentLog } from '../../foundation/base/log.ts';
import { createEndpoints, type EndpointsDeps } from './endpoints.ts';
import type { Endpoint, NetworkInfo } from './network.ts';

const containerId = parseContainerId('c'.repeat(64));
const networkId = parseNetworkId('a'.repeat(64));
const endpoint: Endpoint = {
  endpointId: 'e1',
  containerId,
  networkId,
  networkName: 'bridge',
  macAddress: '02:42:ac:1d:00:02',
  ipv4: { address: '172.29.0.2', prefixLength: 16, gateway: '172.29.0.1' },
  interfaceName: 'eth0',
  gatewayPriority: 0,
  names: [],
  links: {},
  dns: [],
  sysctls: [],
  ports: [{ containerPort: 80, protocol: 'tcp', hostAddress: '0.0.0.0', hostPort: 1 }],
};

test('rules that fail while the interface is still being made fail the attempt, and nothing else', async () => {
  const unhandled: unknown[] = [];
  const keep = (reason: unknown): void => void unhandled.push(reason);
  process.on('unhandledRejection', keep);
  try {
    const network = {
      id: networkId,
      name: 'bridge',
      driver: 'bridge',
      options: {},
      ipam: [{ subnet: '172.29.0.0/16', gateway: '172.29.0.1' }],
    } as unknown as NetworkInfo;
    const broken = new Error('no memory');
    let takenAway = 0;
    const endpoints = createEndpoints({
      records: {
        endpoints: () => [{ endpoint, containerName: 'web' }],
        putEndpoints: () => undefined,
        deleteEndpoints: () => undefined,
      },
      networks: { get: () => network, list: () => [network] },
      plumbing: {
        restore: async () => undefined,
        bringUp: async () => undefined,
        allowLoopback: () => undefined,
      },
      firewall: { change: () => Promise.reject(broken) },
      hostPorts: { restore: () => undefined, release: () => undefined },
      links: {
        rejoin: () => undefined,
        removeStrangers: async () => undefined,
        // Long after the rules have failed.
        connect: () => delay(20),
        takeAway: async () => void takenAway++,
        hostAddresses: () => [],
        [Symbol.dispose]: () => undefined,
      },
      resolver: { restore: async () => undefined, put: async () => undefined, drop: async () => undefined },
      log: silentLog,
    } as unknown as EndpointsDeps);
    await endpoints.recover(new Map([[containerId, process.pid]]));
    const attached = endpoints.attach(endpoint, process.pid);
    expect(await attached.catch((error: unknown) => error)).toBe(broken);
    expect([takenAway, unhandled]).toEqual([1, []]);
    await endpoints.close();
  } finally {
    process.off('unhandledRejection', keep);
  }
});
