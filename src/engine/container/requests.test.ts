import { expect, test } from 'bun:test';
import type { ContainerConfig } from './config.ts';
import { createDetachMatcher, defaultDetachKeys, parseDetachKeys } from './streams/detach-keys.ts';
import { commandLine, mergeImage } from './create/merge-image.ts';
import { parseBind } from './mounts/bind-word.ts';
import { parseContainerName, randomContainerName } from './create/names.ts';
import { parsePort, requestedPorts } from './network/networking.ts';
import { plainConfig, plainNetwork } from './plain-config.ts';
import { resolveSecurity } from './spec/security.ts';

const empty = plainConfig('x', { network: plainNetwork('default') });

test("the request's command replaces the image's, an entrypoint drops it", () => {
  const image = { Entrypoint: ['/entry'], Cmd: ['default'] };
  const line = (request: Partial<ContainerConfig>): string[] =>
    commandLine(mergeImage({ ...empty, ...request }, image));
  expect(line({})).toEqual(['/entry', 'default']);
  expect(line({ command: ['mine'] })).toEqual(['/entry', 'mine']);
  expect(line({ entrypoint: ['/other'] })).toEqual(['/other']);
  expect(line({ entrypoint: ['/other'], command: ['a'] })).toEqual(['/other', 'a']);
  expect(line({ entrypoint: [''], command: ['sh'] })).toEqual(['sh']);
});

test('environment and labels are joined, the request wins, a bare name stays to remove', () => {
  const merged = mergeImage(
    { ...empty, env: ['A=mine', 'C'], labels: { l: 'mine' } },
    { Env: ['A=image', 'B=image', 'C=image'], Labels: { l: 'image', m: 'image' } },
  );
  expect(merged.env).toEqual(['A=mine', 'C', 'B=image']);
  expect(merged.labels).toEqual({ l: 'mine', m: 'image' });
});

test('volume words', () => {
  expect(parseBind('/a:/b:ro,rslave')).toEqual({
    source: '/a',
    destination: '/b',
    readOnly: true,
    propagation: 'rslave',
    mode: 'ro,rslave',
  });
  expect(parseBind('name:/b/')).toMatchObject({ source: 'name', destination: '/b', readOnly: false });
  expect(parseBind('/a')).toMatchObject({ source: '', destination: '/a' });
  for (const bad of ['a', '', ':/b', '/a:', '/a:b', '/a:/', '/a:/b:nope', '/a:/b:ro,rw', '/a:/b:ro:x'])
    expect(() => parseBind(bad)).toThrow(/invalid/);
});

test('detach keys are found across chunks, and what only began like them is passed on', () => {
  const match = createDetachMatcher(defaultDetachKeys);
  expect(match(new Uint8Array([65, 16]))).toEqual({ pass: new Uint8Array([65]), detached: false });
  expect(match(new Uint8Array([66]))).toEqual({ pass: new Uint8Array([16, 66]), detached: false });
  expect(match(new Uint8Array([16, 16, 17, 67]))).toEqual({ pass: new Uint8Array([16]), detached: true });
  expect(parseDetachKeys('ctrl-a,b')).toEqual(new Uint8Array([1, 98]));
  for (const bad of ['ctrl-', 'ctrl-1', 'ab', 'é'])
    expect(() => parseDetachKeys(bad)).toThrow('Invalid detach keys');
});

test('container names', () => {
  expect(parseContainerName('/web.1')).toBe('web.1');
  for (const bad of ['', '/', 'a', '-a', 'a b', 'a/b', '.a', 'a\n'])
    expect(() => parseContainerName(bad)).toThrow('Invalid container name');
  expect(randomContainerName(0)).toMatch(/^[a-z]+_[a-z]+$/);
  expect(randomContainerName(3)).toMatch(/^[a-z]+_[a-z]+\d+$/);
});

test('published ports, with -P the exposed ones that have none', () => {
  const ports = { '80/tcp': [{ hostAddress: '127.0.0.1', hostPort: '8080' }] };
  expect(
    requestedPorts({
      exposedPorts: ['80/tcp', '53/udp'],
      network: { ...empty.network, ports, publishAll: true },
    }),
  ).toEqual([
    { containerPort: 80, protocol: 'tcp', hostAddress: '127.0.0.1', hostPort: 8080 },
    { containerPort: 53, protocol: 'udp', hostAddress: '', hostPort: 0 },
  ]);
  const range = { '80/sctp': [{ hostAddress: '', hostPort: '8000-8010' }] };
  expect(requestedPorts({ exposedPorts: [], network: { ...empty.network, ports: range } })).toEqual([
    { containerPort: 80, protocol: 'sctp', hostAddress: '', hostPort: 8000, lastHostPort: 8010 },
  ]);
  for (const bad of ['0/tcp', '65536/tcp', 'x', '80/icmp', '-1'])
    expect(() => parsePort(bad)).toThrow('invalid');
});

test('security options', () => {
  const secure = (options: string[]) => resolveSecurity({ ...empty.security, options }, defaults);
  const defaults = { preset: 'default', seccomp: 'default', appArmor: false, seLinux: false } as const;
  expect(secure(['no-new-privileges'])).toMatchObject({ noNewPrivileges: true });
  expect(secure(['no-new-privileges:true', 'seccomp=unconfined'])).toMatchObject({
    noNewPrivileges: true,
    seccomp: 'unconfined',
  });
  expect(secure(['seccomp={"a":"=:"}'])).toMatchObject({ seccomp: { profile: '{"a":"=:"}' } });
  expect(secure(['systempaths=unconfined'])).toMatchObject({ maskedPaths: [], readonlyPaths: [] });
  expect(() => secure(['bogus'])).toThrow('invalid --security-opt');
});
