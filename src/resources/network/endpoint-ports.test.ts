import { expect, test } from 'bun:test';
import { parseContainerId, parseNetworkId } from '../../foundation/base/ids.ts';
import { silentLog } from '../../foundation/base/log.ts';
import { createEndpointPorts } from './endpoint-ports.ts';
import type { EndpointShelf } from './endpoint-shelf.ts';
import { createFirewall } from './firewall.ts';
import type { Endpoint, NetworkInfo, PortRequest } from './network.ts';
import type { EndpointRecord } from './records.ts';

const containerId = parseContainerId('c'.repeat(64));
const port = (hostPort: number): PortRequest => ({
  containerPort: 80,
  protocol: 'tcp',
  hostAddress: '0.0.0.0',
  hostPort,
});
const endpoint: Endpoint = {
  endpointId: 'e1',
  containerId,
  networkId: parseNetworkId('a'.repeat(64)),
  networkName: 'bridge',
  macAddress: '02:42:ac:1d:00:02',
  ipv4: { address: '172.29.0.2', prefixLength: 16, gateway: '172.29.0.1' },
  interfaceName: 'eth0',
  gatewayPriority: 0,
  names: [],
  links: {},
  dns: [],
  sysctls: [],
  ports: [port(1)],
};

test('a port that the kernel refused to open does not open with a later change', async () => {
  const scripts: string[] = [];
  let isBroken = false;
  const firewall = createFirewall(
    { table: 'silo', networks: [], ports: [], ipv6Loopback: true },
    {
      runNft: async (script) => {
        scripts.push(script);
        if (isBroken) throw new Error('no memory');
      },
      log: silentLog,
    },
  );
  let record: EndpointRecord = { endpoint, containerName: 'web' };
  const shelf = {
    of: () => [record],
    gatewayOf: () => record,
    replace: ([changed]: readonly EndpointRecord[]) => {
      record = changed ?? record;
    },
  } as unknown as EndpointShelf;
  const ports = createEndpointPorts({
    shelf,
    firewall,
    networks: { get: () => ({ driver: 'bridge', options: {} }) as NetworkInfo },
    plumbing: { allowLoopback: () => undefined },
    hostPorts: {
      reserve: (_owner, wanted) => [...wanted],
      restore: () => undefined,
      transfer: () => undefined,
      release: () => undefined,
      releaseSome: () => undefined,
    },
    links: { hostAddresses: () => new Set() },
    log: silentLog,
  });
  await ports.open(endpoint);
  isBroken = true;
  expect(await ports.change(containerId, { add: [port(2)], remove: [port(1)] }).catch(String)).toContain(
    'no memory',
  );
  expect(record.endpoint.ports).toEqual([port(1)]);
  isBroken = false;
  await firewall.change((plan) => plan);
  expect(scripts.at(-1)).toContain('tcp . 1 : 172.29.0.2 . 80');
  expect(scripts.at(-1)).not.toContain('tcp . 2 :');
});
