import { describe, expect, test } from 'bun:test';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseCpus } from './cpus.ts';
import { splitCsv } from './csv.ts';
import { parseDevice, parseThrottle } from './device.ts';
import { parseDuration } from './duration.ts';
import { collectEnv, collectLabels, parseKeyValueFile } from './env.ts';
import { parseMount } from './mount.ts';
import { parseExtraHost, parseNetwork } from './network.ts';
import { parseExpose, parsePublish } from './port.ts';
import { parseRestartPolicy } from './restart-policy.ts';
import { parseSecurityOptions } from './security.ts';
import { parseBytes } from './size.ts';
import { parseTimeOption } from './time.ts';
import { parseUlimit } from './ulimit.ts';
import { parseVolumes } from './volume.ts';

describe('--publish', () => {
  const table: [string, Record<string, [string, string][]>][] = [
    ['80', { '80/tcp': [['', '']] }],
    ['8080:80', { '80/tcp': [['', '8080']] }],
    ['8080:80/udp', { '80/udp': [['', '8080']] }],
    ['127.0.0.1:8080:80', { '80/tcp': [['127.0.0.1', '8080']] }],
    ['127.0.0.1::80', { '80/tcp': [['127.0.0.1', '']] }],
    ['[::1]:8080:80', { '80/tcp': [['::1', '8080']] }],
    ['::1:8080:80', { '80/tcp': [['::1', '8080']] }],
    ['8000-8001:90-91', { '90/tcp': [['', '8000']], '91/tcp': [['', '8001']] }],
    ['8000-8010:80', { '80/tcp': [['', '8000-8010']] }],
    ['90-91', { '90/tcp': [['', '']], '91/tcp': [['', '']] }],
    ['published=8080,target=80,protocol=udp', { '80/udp': [['', '8080']] }],
  ];
  for (const [text, expected] of table)
    test(text, () => {
      const { bindings, exposed } = parsePublish([text]);
      const found = Object.entries(bindings).map(([port, list]) => [
        port,
        list?.map((b) => [b.HostIp, b.HostPort]),
      ]);
      expect(Object.fromEntries(found)).toEqual(expected);
      expect(exposed).toEqual(Object.keys(expected));
    });

  test('several of one container port are kept', () => {
    expect(parsePublish(['8080:80', '8081:80']).bindings['80/tcp']).toHaveLength(2);
  });

  const bad: [string, string][] = [
    ['99999:80', 'invalid hostPort: 99999'],
    ['abc:80', 'invalid hostPort: abc'],
    ['80:x', 'invalid containerPort: x'],
    ['80:', 'no port specified: 80:<empty>'],
    ['80-82:90-91', 'invalid ranges specified for container and host Ports: 90-91 and 80-82'],
    ['1.2.3.400:80:80', 'invalid IP address: 1.2.3.400'],
    ['80:80/foo', 'invalid proto: foo'],
    ['82-80:80', 'invalid hostPort: 82-80'],
  ];
  for (const [text, message] of bad)
    test(`${text} is refused`, () => expect(() => parsePublish([text])).toThrow(message));
});

test('--expose takes ranges and protocols', () => {
  expect(parseExpose('80')).toEqual(['80/tcp']);
  expect(parseExpose('80-82/udp')).toEqual(['80/udp', '81/udp', '82/udp']);
  expect(() => parseExpose('foo')).toThrow('invalid range format for --expose: foo');
  expect(() => parseExpose('1:2')).toThrow('invalid port format for --expose: 1:2');
});

describe('--mount', () => {
  test('binds, volumes and tmpfs', () => {
    expect(parseMount('type=bind,source=/a,target=/b,readonly,bind-propagation=rslave')).toEqual({
      Type: 'bind',
      Source: '/a',
      Target: '/b',
      ReadOnly: true,
      BindOptions: { Propagation: 'rslave' },
    });
    expect(parseMount('source=data,dst=/b,volume-nocopy,volume-label=a=b,volume-opt=x=y')).toEqual({
      Type: 'volume',
      Source: 'data',
      Target: '/b',
      VolumeOptions: { NoCopy: true, Labels: { a: 'b' }, DriverConfig: { Options: { x: 'y' } } },
    });
    expect(parseMount('type=tmpfs,destination=/t,tmpfs-size=64m,tmpfs-mode=1777')).toEqual({
      Type: 'tmpfs',
      Target: '/t',
      TmpfsOptions: { SizeBytes: 64 << 20, Mode: 0o1777 },
    });
  });

  test('a relative source is of the working directory; a quoted value may hold a comma', () => {
    expect(parseMount('type=bind,src=./x,target=/b', '/home').Source).toBe('/home/x');
    expect(parseMount('type=bind,"src=/a,b",target=/b').Source).toBe('/a,b');
  });

  const bad: [string, string][] = [
    ['foo', "invalid field 'foo' must be a key=value pair"],
    ['type=bind,source=/x', 'target is required'],
    ['target=/x,foo=bar', "unexpected key 'foo' in 'foo=bar'"],
    ['target=/x,readonly=bar', 'invalid value for readonly: bar'],
    ['type=bind,target=/x,volume-nocopy', "cannot mix 'volume-*' options with mount type 'bind'"],
    ['type=tmpfs,target=/x,tmpfs-mode=9', 'invalid value for tmpfs-mode: 9'],
    ['type=bind,target=/x,bind-recursive=readonly', "requires 'readonly'"],
  ];
  for (const [text, message] of bad)
    test(`${text} is refused`, () => expect(() => parseMount(text)).toThrow(message));
});

test('-v: volumes, binds, relative sources', () => {
  expect(parseVolumes(['/data', 'v:/v', './a:/a:ro', '/x:/x'], '/home')).toEqual({
    binds: ['v:/v', '/home/a:/a:ro', '/x:/x'],
    anonymous: ['/data'],
  });
  expect(() => parseVolumes([':::'], '/')).toThrow('invalid spec: :::: empty section between colons');
});

describe('environment', () => {
  const folder = mkdtempSync(join(tmpdir(), 'silo-env-'));
  const file = join(folder, 'env');

  test('files come first, bare names take their value from here', async () => {
    writeFileSync(file, '\uFEFF# comment\n\n  A=1\nHOME\nGONE\r\nB=x = y \n');
    expect(await collectEnv([file], ['C=3', 'USER', 'ABSENT'], { HOME: '/root', USER: 'u' })).toEqual([
      'A=1',
      'HOME=/root',
      'B=x = y ',
      'C=3',
      'USER=u',
      'ABSENT',
    ]);
    expect(await failureOf(collectEnv(['/nonexistent'], [], {}))).toContain(
      'open /nonexistent: no such file or directory',
    );
  });

  test('a label of a file without a value is dropped, as Docker’s CLI does', async () => {
    writeFileSync(file, 'a=1\nb\n');
    expect(await collectLabels([file], ['c=2', 'a=9', 'd'])).toEqual({ a: '9', c: '2', d: '' });
    rmSync(folder, { recursive: true });
  });

  test('names with blanks or without letters are refused', () => {
    expect(() => parseKeyValueFile('a b=1')).toThrow("variable 'a b' contains whitespaces");
    expect(() => parseKeyValueFile('=1')).toThrow("no variable name on line '=1'");
  });
});

describe('numbers', () => {
  const sizes: [string, number][] = [
    ['0', 0],
    ['-1', -1],
    ['512', 512],
    ['1k', 1024],
    ['64m', 64 << 20],
    ['64MB', 64 << 20],
    ['1.5g', 1.5 * 1024 ** 3],
    ['2GiB', 2 * 1024 ** 3],
    ['10 kb', 10240],
  ];
  for (const [text, bytes] of sizes) test(text, () => expect(parseBytes(text)).toBe(bytes));
  for (const text of ['', 'x', '5q', '-5', '1..2', 'm'])
    test(`${text} is no size`, () => expect(() => parseBytes(text)).toThrow('invalid'));

  test('durations, processors and times', () => {
    expect(parseDuration('1h2m3.5s')).toBe(3723.5e9);
    expect(parseDuration('300ms')).toBe(3e8);
    expect(parseDuration('-1.5h')).toBe(-5400e9);
    expect(() => parseDuration('5')).toThrow('missing unit in duration "5"');
    expect(() => parseDuration('abc')).toThrow('invalid duration "abc"');
    expect(parseCpus('0.25')).toBe(250_000_000);
    expect(parseCpus('1/4')).toBe(250_000_000);
    expect(() => parseCpus('0.0000000001')).toThrow('value is too precise');
    const now = Date.UTC(2024, 0, 1);
    expect(parseTimeOption('since', '1m', now)).toBe(`${now / 1000 - 60}.000000000`);
    expect(parseTimeOption('since', '1700000000.5', now)).toBe('1700000000.5');
    expect(parseTimeOption('since', '2024-01-01T00:00:00.25Z', now)).toBe(`${now / 1000}.250000000`);
    expect(parseTimeOption('since', '2024-01-01T01:00:00+01:00', now)).toBe(`${now / 1000}.000000000`);
    expect(() => parseTimeOption('since', 'foo', now)).toThrow('invalid value for "since"');
  });
});

test('the other small languages', async () => {
  expect(parseUlimit('nofile=1024:2048')).toEqual({ Name: 'nofile', Soft: 1024, Hard: 2048 });
  expect(parseUlimit('core=-1')).toEqual({ Name: 'core', Soft: -1, Hard: -1 });
  expect(() => parseUlimit('nofile=5:2')).toThrow('5 > 2');
  expect(parseDevice('/dev/fuse')).toEqual({
    PathOnHost: '/dev/fuse',
    PathInContainer: '/dev/fuse',
    CgroupPermissions: 'rwm',
  });
  expect(parseDevice('/dev/a:/dev/b:r')).toMatchObject({ PathInContainer: '/dev/b', CgroupPermissions: 'r' });
  expect(parseDevice('/dev/a:rw')).toMatchObject({ PathInContainer: '/dev/a', CgroupPermissions: 'rw' });
  expect(parseThrottle('/dev/sda:10mb', 'bytes')).toEqual({ Path: '/dev/sda', Rate: 10 << 20 });
  expect(parseRestartPolicy('on-failure:3')).toEqual({ Name: 'on-failure', MaximumRetryCount: 3 });
  expect(() => parseRestartPolicy('on-failure:x')).toThrow('must be an integer');
  expect(parseExtraHost('db=10.0.0.1')).toBe('db:10.0.0.1');
  expect(parseExtraHost('db:[::1]')).toBe('db:::1');
  expect(() => parseExtraHost('db:1.2.3')).toThrow('invalid IP address in add-host');
  expect(parseNetwork('mynet').target).toBe('mynet');
  expect(parseNetwork('name=n,alias=a,alias=b,ip=10.0.0.9')).toMatchObject({
    target: 'n',
    aliases: ['a', 'b'],
    ipv4: '10.0.0.9',
  });
  expect(parseNetwork('container:abc').target).toBe('container:abc');
  expect(splitCsv('a,"b,""c""",')).toEqual(['a', 'b,"c"', '']);
  expect(await failureOf(parseSecurityOptions(['foo']))).toContain('Invalid --security-opt: "foo"');
  expect(
    await parseSecurityOptions(['no-new-privileges', 'seccomp=unconfined', 'systempaths=unconfined']),
  ).toEqual({
    options: ['no-new-privileges', 'seccomp=unconfined'],
    unconfinedPaths: true,
  });
});

function failureOf(work: Promise<unknown>): Promise<string> {
  return work.then(
    () => 'it succeeded',
    (error: unknown) => (error instanceof Error ? error.message : ''),
  );
}
