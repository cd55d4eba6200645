import { expect, test } from 'bun:test';
import {
  findIpAddress,
  formatIpAddress,
  formatIpSubnet,
  parseIpAddress,
  parseIpSubnet,
  subnetContains,
  subnetsOverlap,
} from './ip-address.ts';

test('addresses are formatted canonically', () => {
  const canonical: Record<string, string> = {
    '172.29.0.5': '172.29.0.5',
    '::': '::',
    '::1': '::1',
    'FD00:0:0:1:0:0:0:2': 'fd00:0:0:1::2',
    '2001:db8:0:1:1:1:1:1': '2001:db8:0:1:1:1:1:1',
    '::ffff:1.2.3.4': '::ffff:102:304',
    'fe80::': 'fe80::',
  };
  for (const [text, want] of Object.entries(canonical))
    expect(formatIpAddress(parseIpAddress(text))).toBe(want);
});

test('text that is no address is refused', () => {
  for (const text of ['', '1.2.3', '1.2.3.256', 'fe80::1%eth0', ':::', 'localhost', '1.2.3.4/8'])
    expect(findIpAddress(text)).toBeUndefined();
});

test('a subnet keeps only its prefix and knows what lies inside', () => {
  const subnet = parseIpSubnet('172.29.3.7/16');
  expect(formatIpSubnet(subnet)).toBe('172.29.0.0/16');
  expect(subnetContains(subnet, parseIpAddress('172.29.255.255'))).toBe(true);
  expect(subnetContains(subnet, parseIpAddress('172.30.0.0'))).toBe(false);
  expect(subnetsOverlap(subnet, parseIpSubnet('172.29.9.0/24'))).toBe(true);
  expect(subnetsOverlap(parseIpSubnet('172.29.9.0/24'), subnet)).toBe(true);
  expect(subnetsOverlap(subnet, parseIpSubnet('172.28.0.0/16'))).toBe(false);
  expect(() => parseIpSubnet('172.29.0.0/33')).toThrow('invalid CIDR address');
});
