import { expect, test } from 'bun:test';
import { parseInterfaceSysctls } from './interface-sysctls.ts';

const parse = (text: string): unknown =>
  parseInterfaceSysctls({ 'com.docker.network.endpoint.sysctls': text });

test('settings of the interface are taken apart', () => {
  expect(parseInterfaceSysctls({})).toEqual([]);
  expect(parse('net.ipv4.conf.IFNAME.log_martians=1,net.ipv6.neigh.IFNAME.gc_stale_time=60')).toEqual([
    { family: 'ipv4', group: 'conf', name: 'log_martians', value: '1' },
    { family: 'ipv6', group: 'neigh', name: 'gc_stale_time', value: '60' },
  ]);
});

test.each([
  'net.ipv4.conf.IFNAME.log_martians',
  'net.ipv4.conf.eth0.log_martians=1',
  'net.ipv4.conf.all.forwarding=1',
  'net.ipv4.conf.IFNAME.../../../kernel/core_pattern=1',
  'kernel.core_pattern=|/bin/sh',
  'net.ipv4.conf.IFNAME.log_martians=1\n2',
])('anything else is refused: %s', (text) => {
  expect(() => parse(text)).toThrow('invalid endpoint settings');
});
