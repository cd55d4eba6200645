import { expect, test } from 'bun:test';
import { plainConfig } from '../plain-config.ts';
import { resolveSecurity } from './security.ts';
import { applyPreset } from './security-preset.ts';

const asked = (options: string[], more: Partial<ReturnType<typeof plainConfig>['security']> = {}) => ({
  ...plainConfig('x').security,
  options,
  ...more,
});
const none = { preset: 'default', seccomp: 'default', appArmor: false, seLinux: false } as const;

test('without a preset, or with the default one, a request stays as it is', () => {
  const config = plainConfig('x');
  expect(applyPreset(config)).toBe(config);
  expect(applyPreset({ ...config, security: asked(['silo=default']) }).security).toEqual(
    asked(['silo=default']),
  );
});

test('a tmpfs of a preset gives way to any mount of the request at its place', () => {
  const config = {
    ...plainConfig('x'),
    security: asked(['silo=restricted']),
    binds: ['/srv/run:/run/:ro'],
    mounts: [{ type: 'volume' as const, source: 'v', target: '/var/tmp', readOnly: false }],
  };
  expect(applyPreset(config).tmpfs).toEqual({ '/tmp': 'mode=1777' });
});

test('adding all capabilities beats what a preset drops', () => {
  const { security } = applyPreset({
    ...plainConfig('x'),
    security: asked(['silo=hardened'], { capAdd: ['ALL'] }),
  });
  expect(security.capDrop).toEqual([]);
});

test('an engine with AppArmor gives its profile, a container may leave it, and a privileged one has none', () => {
  const defaults = {
    ...none,
    appArmor: true,
    apparmorProfiles: { default: 'silo-default', hardened: 'silo-hardened' },
  };
  const profile = (options: string[], privileged = false) =>
    resolveSecurity(asked(options, { privileged }), defaults).apparmorProfile;
  expect(profile([])).toBe('silo-default');
  expect(profile(['silo=system'])).toBe('silo-default');
  expect(profile(['silo=hardened'])).toBe('silo-hardened');
  expect(profile(['silo=restricted'])).toBe('silo-hardened');
  expect(profile(['silo=restricted', 'apparmor=mine'])).toBe('mine');
  expect(profile(['apparmor=mine'])).toBe('mine');
  expect(profile(['apparmor=unconfined'])).toBeUndefined();
  expect(profile([], true)).toBeUndefined();
  // A kernel without it: a profile means nothing.
  expect(resolveSecurity(asked(['apparmor=mine']), none).apparmorProfile).toBeUndefined();
});

test('labels count where SELinux is on and were asked for', () => {
  const label = (...options: string[]) =>
    resolveSecurity(asked(options), { ...none, seLinux: true }).selinuxLabel;
  expect(label()).toBeUndefined();
  expect(label('label=disable')).toBeUndefined();
  expect(label('label=type:svirt_apache_t', 'label:level:s0:c1,c2')).toBe(
    'system_u:system_r:svirt_apache_t:s0:c1,c2',
  );
  expect(resolveSecurity(asked(['label=type:t']), none).selinuxLabel).toBeUndefined();
});

test('the default profile of an engine holds for those who name none, and not for privileged ones', () => {
  const defaults = { ...none, seccomp: { profile: '{}' } };
  const seccomp = (options: string[], privileged = false) =>
    resolveSecurity(asked(options, { privileged }), defaults).seccomp;
  expect(seccomp([])).toEqual({ profile: '{}' });
  expect(seccomp(['seccomp=builtin'])).toBe('default');
  expect(seccomp(['seccomp=hardened'])).toBe('hardened');
  expect(seccomp([], true)).toBe('default');
});

test('the preset of an engine is that of containers that name none, written out, and not of privileged ones', () => {
  const config = (options: string[], more = {}) => ({ ...plainConfig('x'), security: asked(options, more) });
  expect(applyPreset(config([]), 'hardened')).toEqual(applyPreset(config(['silo=hardened'])));
  expect(applyPreset(config(['silo=default']), 'hardened').security.capDrop).toEqual([]);
  expect(applyPreset(config(['silo=restricted']), 'hardened').security.readOnlyRootfs).toBe(true);
  const privileged = config([], { privileged: true });
  expect(applyPreset(privileged, 'restricted')).toBe(privileged);
});
