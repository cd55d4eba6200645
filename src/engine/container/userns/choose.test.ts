import { describe, expect, test } from 'bun:test';
import { plainConfig } from '../plain-config.ts';
import { whyHost } from './choose.ts';
import { parseUserNamespaceMode } from './mode.ts';

describe('--userns', () => {
  test('says what it means', () => {
    expect(parseUserNamespaceMode('')).toEqual({ kind: 'default' });
    expect(parseUserNamespaceMode('container:db')).toEqual({ kind: 'container', of: 'db' });
    expect(parseUserNamespaceMode('keep-id:uid=1000')).toEqual({ kind: 'keep-id', uid: 1000, gid: 1000 });
    expect(parseUserNamespaceMode('keep-id:uid=1000,gid=100')).toEqual({
      kind: 'keep-id',
      uid: 1000,
      gid: 100,
    });
  });

  test.each([
    'none',
    'container:',
    'keep-id',
    'keep-id:uid=0',
    'keep-id:uid=65536',
    'keep-id:uid=1e3',
    'AUTO',
    'private',
  ])('%p is refused', (text) => {
    expect(() => parseUserNamespaceMode(text)).toThrow(`invalid userns mode: ${text}`);
  });
});

describe('the ids of the host are given to a container', () => {
  const plain = plainConfig('image');
  const { security, network, namespaces } = plain;
  test.each([
    ['it is privileged', { security: { ...security, privileged: true } }],
    ['it shares the network namespace of the host', { network: { ...network, mode: 'host' } }],
    ['it shares the PID namespace of the host', { namespaces: { ...namespaces, pid: 'host' } }],
    [
      'it has devices of the host',
      { devices: [{ hostPath: '/dev/fuse', containerPath: '/dev/fuse', permissions: 'rwm' }] },
    ],
    ['it may make devices', { deviceCgroupRules: ['c 1:3 rwm'] }],
    [
      'the capability SYS_TIME means nothing without those of the host',
      { security: { ...security, capAdd: ['cap_sys_time'] } },
    ],
  ])('because %s', (reason, change) => {
    expect(whyHost({ ...plain, ...change }, [])).toBe(reason);
  });

  test('because its mounts are to appear there', () => {
    expect(whyHost(plain, [{ propagation: 'rshared' }])).toBe('its mounts are to appear on the host');
  });

  test('for no other reason', () => {
    const admin = { ...security, capAdd: ['SYS_ADMIN', 'NET_ADMIN'], groupAdd: ['10'] };
    expect(whyHost({ ...plain, security: admin }, [{ propagation: 'rslave' }])).toBeUndefined();
  });
});
