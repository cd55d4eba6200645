import { expect, test } from 'bun:test';
import { compareElements, elementsOf, type FirewallPlan, type PublishedPort } from './firewall-rules.ts';
import { toSetChanges } from './port-elements.ts';

const port = (
  hostAddress: string,
  hostPort: number,
  address: string,
  containerPort: number,
): PublishedPort => ({
  protocol: 'udp',
  hostAddress,
  hostPort,
  address,
  containerPort,
});
const plan = (...ports: PublishedPort[]): FirewallPlan => ({
  table: 'silo',
  networks: [],
  ports,
  ipv6Loopback: true,
});
const change = (from: FirewallPlan, to: FirewallPlan): ReturnType<typeof toSetChanges> =>
  toSetChanges(compareElements(elementsOf(from), elementsOf(to)));
const hex = (text: string): Buffer => Buffer.from(text.replaceAll(' ', ''), 'hex');

test('parts of keys and values begin at multiples of four', () => {
  expect(change(plan(), plan(port('0.0.0.0', 8080, '10.1.0.2', 80)))).toEqual([
    { set: 'any4', removed: [], added: [{ key: hex('11000000 1f900000'), value: hex('0a010002 00500000') }] },
  ]);
  expect(change(plan(port('2001:db8::1', 53, 'fd00::2', 5353)), plan())).toEqual([
    {
      set: 'port6',
      removed: [{ key: hex('20010db8000000000000000000000001 11000000 00350000') }],
      added: [],
    },
  ]);
});

test('an interval has its first and its last key', () => {
  const ports = [8000, 8001, 8002].map((number) => port('10.0.0.1', number, '10.1.0.2', number));
  expect(change(plan(), plan(...ports))).toEqual([
    {
      set: 'portspan4',
      removed: [],
      added: [
        {
          key: hex('0a000001 11000000 1f400000'),
          keyEnd: hex('0a000001 11000000 1f420000'),
          value: hex('0a010002'),
        },
      ],
    },
  ]);
});

test('what is no port, or too much for one packet, is left to nft', () => {
  const network = { bridge: 'b', internal: false, masquerade: true, betweenContainers: true };
  expect(change(plan(), { ...plan(), networks: [network] })).toBeUndefined();
  const many = Array.from({ length: 1_001 }, (_, index) => port('0.0.0.0', 1 + index, '10.1.0.2', 9));
  expect(change(plan(), plan(...many))).toBeUndefined();
});
