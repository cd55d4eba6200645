import { expect, test } from 'bun:test';
import { checkDriverOptions, redactOptions, toMountCall } from './driver-options.ts';
import { explainMount, resolveServer } from './mount-volume.ts';

const textOf = (options: Record<string, string>): string => {
  try {
    checkDriverOptions(options);
    return 'accepted';
  } catch (error) {
    return (error as Error).message;
  }
};

test('what Docker refuses is refused in its words', () => {
  expect(textOf({})).toBe('accepted');
  expect(textOf({ type: 'tmpfs' })).toBe('missing required option: "device"');
  expect(textOf({ device: 'tmpfs' })).toBe('missing required option: "type"');
  expect(textOf({ o: 'size=1' })).toMatch(/^missing required option: /);
  expect(textOf({ foo: 'bar' })).toBe('invalid option: "foo"');
  expect(textOf({ type: 'cifs', device: '//host:445/share' })).toBe(
    `port not allowed in CIFS device URL, include 'port' in 'o='`,
  );
  expect(textOf({ size: '10m' })).toBe('quota size requested but no quota support');
  expect(textOf({ type: '../x', device: 'x' })).toContain('invalid file system type');
  expect(textOf({ type: 'none', device: 'relative', o: 'bind' })).toContain('must be an absolute path');
  expect(textOf({ type: 'ext4', device: '/dev/x', o: 'remount' })).toContain('is not supported');
  expect(textOf({ type: 'ext4', device: '/dev/x\n', o: '' })).toContain('control characters');
});

test('the exact call for each kind of options', () => {
  expect(toMountCall({ type: 'none', o: 'bind', device: '/srv/data' })).toEqual({
    kind: 'bind',
    source: '/srv/data',
    recursive: false,
    attributes: {},
  });
  expect(toMountCall({ type: 'none', o: 'rbind,ro,nosuid', device: '/srv' })).toMatchObject({
    recursive: true,
    attributes: { readOnly: true, noSuid: true },
  });
  expect(toMountCall({ type: 'tmpfs', o: 'size=100m,uid=1000,noexec,nodev,exec', device: 'tmpfs' })).toEqual({
    kind: 'filesystem',
    type: 'tmpfs',
    options: { source: 'tmpfs', size: '100m', uid: '1000' },
    attributes: { noDev: true },
  });
  expect(toMountCall({ type: 'btrfs', device: '/dev/sda2', o: 'defaults,subvol=/x,noatime,ro' })).toEqual({
    kind: 'filesystem',
    type: 'btrfs',
    options: { source: '/dev/sda2', subvol: '/x', ro: true },
    attributes: { noAtime: true, readOnly: true },
  });
  expect(toMountCall({ type: 'nfs', o: 'addr=server.test,rw,vers=4.1,soft', device: ':/export' })).toEqual({
    kind: 'filesystem',
    type: 'nfs',
    options: { source: ':/export', addr: 'server.test', vers: '4.1', soft: true },
    attributes: {},
    resolve: { option: 'addr', host: 'server.test' },
  });
  expect(toMountCall({ type: 'nfs4', device: '[fd00::1]:/export' })).toMatchObject({
    resolve: { option: 'addr', host: 'fd00::1' },
  });
  expect(
    toMountCall({ type: 'cifs', o: 'username=u,password=p=q,vers=3.0', device: '//files.test/share' }),
  ).toEqual({
    kind: 'filesystem',
    type: 'cifs',
    options: { source: '//files.test/share', username: 'u', password: 'p=q', vers: '3.0' },
    attributes: {},
    resolve: { option: 'ip', host: 'files.test' },
  });
  expect(toMountCall({ type: 'fuse.sshfs', o: 'allow_other', device: 'u@h:/x' })).toEqual({
    kind: 'fuse',
    type: 'sshfs',
    source: 'u@h:/x',
    options: 'allow_other',
  });
});

test('names of servers become addresses, addresses stay', async () => {
  const call = (addr: string) =>
    resolveServer(toMountCall({ type: 'nfs', o: `addr=${addr}`, device: ':/x' }));
  expect(await call('192.0.2.7')).toEqual({
    kind: 'filesystem',
    type: 'nfs',
    options: { source: ':/x', addr: '192.0.2.7' },
    attributes: {},
  });
  const local = await call('localhost');
  expect(['127.0.0.1', '::1']).toContain(String(local.kind === 'filesystem' ? local.options.addr : ''));
  const failure = await call('no-such-host.invalid').catch((error: unknown) => (error as Error).message);
  expect(failure).toContain('error resolving passed in network volume address');
});

test('passwords are in no message', () => {
  const options = { type: 'cifs', o: 'username=u,password=geheim,password2=geheim', device: '//h/s' };
  const error = explainMount(new Error('boom password=geheim'), { options, target: '/v/_data' });
  expect(error.message).toContain('username=u');
  expect(`${error.message} ${error.hint ?? ''}`).not.toContain('geheim');
  expect(redactOptions('a,password=x,b')).toBe('a,password=********,b');
});
