import { expect, test } from 'bun:test';
import { parseIpSubnet } from '../../foundation/base/ip-address.ts';
import { toSiloError } from '../../foundation/base/errors.ts';
import { checkDriverOptions, readBridgeOptions, readIpvlanOptions } from './driver-options.ts';
import { createNetworkAddresses } from './network-addresses.ts';
import type { IpamBlock, IpamRequest } from './network.ts';
import { settleBlocks } from './settle-blocks.ts';

const settle = (requests: IpamRequest[], used: string[] = [], several = false): IpamBlock[] =>
  settleBlocks(requests, { used: used.map(parseIpSubnet), several, driver: 'bridge' });
const failure = (work: () => unknown): string => {
  try {
    work();
  } catch (error) {
    const { kind, message } = toSiloError(error);
    return `${kind}: ${message}`;
  }
  return 'nothing';
};
const addresses = (...ipam: IpamBlock[]) =>
  createNetworkAddresses({ name: 'n', ipam }, { inUse: () => new Error('in use') });

test('a block gets a gateway, and keeps what was asked for', () => {
  expect(settle([{ subnet: '10.1.2.0/24' }])).toEqual([
    { subnet: '10.1.2.0/24', gateway: '10.1.2.1', automaticGateway: true },
  ]);
  const asked = {
    subnet: '10.1.0.0/16',
    gateway: '10.1.0.254',
    ipRange: '10.1.5.0/24',
    auxiliary: { router: '10.1.5.3' },
  };
  expect(settle([asked])).toEqual([asked]);
  expect(settle([{ subnet: 'fd00:5::/64' }])).toMatchObject([
    { subnet: 'fd00:5::/64', gateway: 'fd00:5::1' },
  ]);
});

test('blocks that make no sense are refused with the reason', () => {
  const wrong: [IpamRequest[], string][] = [
    [[{ subnet: '10.1.2.0/31' }], 'too small'],
    [[{ subnet: '10.1.2.0/33' }], 'invalid subnet 10.1.2.0/33: invalid CIDR block notation'],
    [[{ subnet: '10.1.2.5/24' }], 'invalid subnet 10.1.2.5/24: it should be 10.1.2.0/24'],
    [[{ subnet: '10.1.2.0/24', ipRange: '10.1.2.77/25' }], 'it should be 10.1.2.0/25'],
    [
      [{ subnet: '10.1.2.0/24', gateway: '10.1.3.1' }],
      "parent subnet 10.1.2.0/24 doesn't contain this address",
    ],
    [[{ subnet: '10.1.2.0/24', gateway: '10.1.2.255' }], 'Address already in use'],
    [[{ subnet: '10.1.2.0/24', ipRange: '10.1.3.0/25' }], 'invalid ip-range'],
    [[{ subnet: '10.1.2.0/24', auxiliary: { a: '10.9.9.9' } }], 'invalid auxiliary address'],
    [[{ subnet: '10.1.2.0/24' }, { subnet: '10.1.3.0/24' }], `doesn't support multiple subnets`],
    [[{ subnet: '10.9.0.0/24' }], 'Pool overlaps'],
    [[{ subnet: '10.1.2.0/24' }, { subnet: '10.1.2.128/25' }], 'Pool overlaps'],
  ];
  for (const [request, text] of wrong)
    expect(failure(() => settle(request, ['10.9.0.0/16']))).toContain(text);
  expect(settle([{ subnet: '10.1.2.0/24' }, { subnet: '10.1.3.0/24' }], [], true)).toHaveLength(2);
});

test('addresses come from the range, others on request, and the host part is the same in both families', () => {
  const known = addresses(
    { subnet: '10.1.0.0/16', gateway: '10.1.0.1', ipRange: '10.1.5.0/30', auxiliary: { a: '10.1.5.1' } },
    { subnet: 'fd00:5::/64', gateway: 'fd00:5::1' },
  );
  expect(known.take({})).toMatchObject({
    ipv4: { address: '10.1.5.0', prefixLength: 16 },
    ipv6: { address: 'fd00:5::500' },
  });
  expect(known.take({})?.ipv4?.address).toBe('10.1.5.2');
  expect(known.take({ ipv4: '10.1.77.7', ipv6: 'fd00:5::abcd:1' })).toMatchObject({
    ipv4: { address: '10.1.77.7', gateway: '10.1.0.1' },
    ipv6: { address: 'fd00:5::abcd:1', prefixLength: 64 },
  });
  expect(failure(() => known.take({ ipv4: '10.1.77.8', ipv6: 'fd00:5::abcd:1' }))).toContain('in use');
  // What failed took nothing.
  expect(known.take({ ipv4: '10.1.77.8' })?.ipv4?.address).toBe('10.1.77.8');
  expect(failure(() => known.take({ ipv4: '10.2.0.9' }))).toContain('it is not in the subnet 10.1.0.0/16');
});

test('a full range gives nothing until something comes back', () => {
  const known = addresses({ subnet: '10.1.2.0/24', gateway: '10.1.2.1', ipRange: '10.1.2.8/31' });
  expect([known.take({}), known.take({})].map((taken) => taken?.ipv4?.address)).toEqual([
    '10.1.2.8',
    '10.1.2.9',
  ]);
  expect(known.take({})).toBeUndefined();
  known.release({ ipv4: '10.1.2.8' });
  expect(known.take({})?.ipv4?.address).toBe('10.1.2.8');
  known.retake({ ipv4: '10.1.2.20' });
  expect(failure(() => known.take({ ipv4: '10.1.2.20' }))).toContain('in use');
});

test('options of drivers are understood or refused', () => {
  expect(
    readBridgeOptions({
      'com.docker.network.bridge.enable_icc': 'false',
      'com.docker.network.driver.mtu': '1400',
    }),
  ).toEqual({
    betweenContainers: false,
    masquerade: true,
    hostAddress: '',
    sourceAddress: {},
    hasAddress: { 4: true, 6: true },
    isOpen: { 4: false, 6: false },
    mtu: 1400,
  });
  expect(
    readBridgeOptions({
      'com.docker.network.host_ipv4': '192.0.2.9',
      'com.docker.network.host_ipv6': '2001:db8:0:0::9',
      'com.docker.network.bridge.inhibit_ipv4': 'true',
      'com.docker.network.bridge.gateway_mode_ipv6': 'nat-unprotected',
    }),
  ).toMatchObject({
    sourceAddress: { 4: '192.0.2.9', 6: '2001:db8::9' },
    hasAddress: { 4: false, 6: true },
    isOpen: { 4: false, 6: true },
  });
  expect(readIpvlanOptions({ parent: 'eth0.10', ipvlan_mode: 'l3' })).toEqual({
    parent: 'eth0.10',
    mode: 1,
    flags: 0,
  });
  for (const [driver, options, text] of [
    ['bridge', { nosuch: 'x' }, 'is not supported by the bridge driver'],
    ['bridge', { 'com.docker.network.driver.mtu': 'big' }, 'strconv.Atoi: parsing "big": invalid syntax'],
    ['bridge', { 'com.docker.network.host_ipv4': '2001:db8::1' }, 'nil ip'],
    ['bridge', { 'com.docker.network.bridge.gateway_mode_ipv4': 'routed' }, 'routed is not supported'],
    ['bridge', { 'com.docker.network.bridge.gateway_mode_ipv4': 'isolated' }, 'is for internal networks'],
    ['macvlan', { macvlan_mode: 'toString' }, "requested macvlan mode 'toString' is not valid"],
    ['macvlan', { parent: 'a b; drop' }, 'invalid interface name'],
    ['ipvlan', { ipvlan_flag: 'x' }, "requested ipvlan flag 'x' is not valid"],
  ] as const)
    expect(failure(() => checkDriverOptions(driver, options, { internal: false }))).toContain(text);
});
