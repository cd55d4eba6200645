import { expect, test } from 'bun:test';
import {
  formatIpAddress,
  formatIpSubnet,
  parseIpAddress,
  parseIpSubnet,
} from '../../foundation/base/ip-address.ts';
import { chooseSubnet, createAddressPool, macFromIpv4 } from './address-pool.ts';
import { parseRoutes } from './host-routes.ts';

const pool = (subnet: string, gateway: string) =>
  createAddressPool(parseIpSubnet(subnet), [parseIpAddress(gateway)]);
const take = (from: ReturnType<typeof pool>, count: number): (string | undefined)[] =>
  Array.from({ length: count }, () => {
    const address = from.allocate();
    return address && formatIpAddress(address);
  });

test('addresses are given out in order, without gateway, network and broadcast, until none is left', () => {
  expect(take(pool('10.0.0.0/29', '10.0.0.1'), 6)).toEqual([
    '10.0.0.2',
    '10.0.0.3',
    '10.0.0.4',
    '10.0.0.5',
    '10.0.0.6',
    undefined,
  ]);
});

test('a released address comes again only after all others', () => {
  const addresses = pool('10.0.0.0/29', '10.0.0.1');
  take(addresses, 2);
  addresses.release(parseIpAddress('10.0.0.2'));
  expect(take(addresses, 4)).toEqual(['10.0.0.4', '10.0.0.5', '10.0.0.6', '10.0.0.2']);
});

test('an address is taken once, and the gateway never comes free', () => {
  const addresses = pool('10.0.0.0/29', '10.0.0.6');
  expect(addresses.take(parseIpAddress('10.0.0.1'))).toBe(true);
  expect(addresses.take(parseIpAddress('10.0.0.1'))).toBe(false);
  expect(addresses.take(parseIpAddress('10.0.0.6'))).toBe(false);
  addresses.release(parseIpAddress('10.0.0.6'));
  expect(take(addresses, 5)).toEqual(['10.0.0.2', '10.0.0.3', '10.0.0.4', '10.0.0.5', undefined]);
});

const pools = [
  { base: parseIpSubnet('10.0.0.0/16'), prefixLength: 24 },
  { base: parseIpSubnet('10.1.0.0/24'), prefixLength: 24 },
];
const choose = (...used: string[]): string => formatIpSubnet(chooseSubnet(pools, used.map(parseIpSubnet)));

test('the search begins where it is told, and comes to every block once', () => {
  const seen: string[] = [];
  for (let found = 0; found < 257; found++)
    seen.push(formatIpSubnet(chooseSubnet(pools, seen.map(parseIpSubnet), 300)));
  expect(seen[0]).toBe('10.0.43.0/24');
  expect(seen.at(-1)).toBe('10.0.42.0/24');
  expect(new Set(seen).size).toBe(257);
  expect(() => chooseSubnet(pools, seen.map(parseIpSubnet), 300)).toThrow('could not find');
  expect(formatIpSubnet(chooseSubnet(pools, [], 257 + 256))).toBe('10.1.0.0/24');
});

test('subnets avoid what is used, larger and smaller blocks alike', () => {
  expect(choose()).toBe('10.0.0.0/24');
  expect(choose('10.0.0.7/32', '10.0.1.0/24')).toBe('10.0.2.0/24');
  expect(choose('10.0.0.0/17')).toBe('10.0.128.0/24');
  expect(choose('10.0.0.0/16')).toBe('10.1.0.0/24');
  expect(choose('fd00::/8')).toBe('10.0.0.0/24');
  expect(() => choose('10.0.0.0/15')).toThrow(
    'could not find an available, non-overlapping IPv4 address pool',
  );
});

test('the MAC address follows from the address', () => {
  expect(macFromIpv4(parseIpAddress('172.29.1.254'))).toBe('02:42:ac:1d:01:fe');
});

test('routes of the kernel are read, the default route left out', () => {
  const text = `Iface\tDestination\tGateway \tFlags\tRefCnt\tUse\tMetric\tMask\t\tMTU\tWindow\tIRTT
eth0\t00000000\t010200C0\t0003\t0\t0\t0\t00000000\t0\t0\t0
eth0\t000200C0\t00000000\t0001\t0\t0\t0\t00FFFFFF\t0\t0\t0
vpn0\t0000000A\t00000000\t0001\t0\t0\t0\t000000FF\t0\t0\t0
`;
  expect(parseRoutes(text).map(formatIpSubnet)).toEqual(['192.0.2.0/24', '10.0.0.0/8']);
});
