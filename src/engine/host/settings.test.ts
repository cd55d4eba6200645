import { afterAll, describe, expect, test } from 'bun:test';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { toSiloError } from '../../foundation/base/errors.ts';
import { registryFacts, registryProxies } from './registry-settings.ts';
import {
  configurationKeys,
  defaultSettings,
  parseSecurityDefault,
  readSettingsFile,
  registrySettings,
  type EngineSettings,
} from './settings.ts';

describe('registries in the configuration file', () => {
  const folder = mkdtempSync(join(tmpdir(), 'silo-settings-'));
  const path = join(folder, 'daemon.json');
  afterAll(() => rmSync(folder, { recursive: true, force: true }));
  const read = (value: unknown): EngineSettings => {
    writeFileSync(path, JSON.stringify(value));
    return { ...defaultSettings, ...readSettingsFile(path) };
  };
  const refusal = (value: unknown): string => {
    try {
      read(value);
    } catch (error) {
      return toSiloError(error).message;
    }
    return 'taken';
  };

  test('are what the engine uses and `info` shows, without passwords', () => {
    const settings = read({
      'registry-mirrors': ['https://hub.example/'],
      'insecure-registries': ['10.0.0.0/8'],
      registries: {
        'docker.io': { mirrors: ['https://second.example'] },
        'registry.corp:5000': { insecure: true, mirrors: ['http://cache.corp/corp'] },
      },
      proxies: { 'https-proxy': 'http://ann:sesame@proxy.corp:3128', 'no-proxy': '.corp' },
    });
    expect(registrySettings(settings)['docker.io']?.mirrors).toEqual([
      { url: 'https://hub.example', tags: true, insecure: false },
      { url: 'https://second.example', tags: false, insecure: false },
    ]);
    expect(registryFacts(settings)).toMatchObject({
      insecureRegistries: ['10.0.0.0/8', 'registry.corp:5000'],
      registryMirrors: {
        'docker.io': ['https://hub.example', 'https://second.example'],
        'registry.corp:5000': ['http://cache.corp/corp'],
      },
      proxies: { https: 'http://xxxxx:xxxxx@proxy.corp:3128', exceptions: '.corp' },
    });
    const { choose } = registryProxies(settings);
    expect(choose(new URL('https://registry.example/v2/'))?.host).toBe('proxy.corp:3128');
    expect(choose(new URL('https://registry.corp/v2/'))).toBeUndefined();
  });

  test.each([
    [{ 'registry-mirrors': 'https://m' }, '"registry-mirrors" in FILE must be a list of addresses'],
    [{ 'registry-mirrors': ['m.example'] }, '"registry-mirrors" in FILE: invalid mirror "m.example"'],
    [{ registries: { x: { mirrors: [{ url: 3 }] } } }, 'x.mirrors[0]'],
    [{ registries: [] }, '"registries" in FILE: want a JSON object'],
    [{ 'registry-certificates': '/etc' }, 'must be a list of texts'],
    [{ 'default-address-pools': [{ base: '10.0.0.0/8' }] }, '"default-address-pools" in FILE: want a list'],
    [{ proxies: { https: 'http://p' } }, '"proxies" in FILE has an unknown key "https"'],
    [{ proxies: { 'http-proxy': 'socks5://p:sesame' } }, 'the proxy for registries is not usable'],
  ])('%j is refused with its name', (value, reason) => {
    const message = refusal(value);
    expect(message).toContain(reason.replace('FILE', path));
    expect(message).not.toContain('sesame');
  });
});

describe('the configuration file', () => {
  const folder = mkdtempSync(join(tmpdir(), 'silo-settings-'));
  const path = join(folder, 'daemon.json');
  afterAll(() => rmSync(folder, { recursive: true, force: true }));

  test('has every key on its page, and the page no other', async () => {
    const page = await Bun.file(join(import.meta.dir, '../../../docs/configuration.md')).text();
    const tables = page
      .slice(0, page.indexOf('## From Docker'))
      .split('\n')
      .filter((line) => line.startsWith('| `'));
    const named = tables.flatMap((line) =>
      [...(line.split('|')[1] ?? '').matchAll(/`([^`]+)`/g)].map((match) => match[1] ?? ''),
    );
    expect(named.toSorted()).toEqual([...configurationKeys].toSorted());
  });

  test("of Docker's that came along says what to do about its keys; one that is mistyped, what was meant", () => {
    const hint = (value: unknown): string => {
      writeFileSync(path, JSON.stringify(value));
      try {
        readSettingsFile(path);
      } catch (error) {
        return toSiloError(error).hint ?? '';
      }
      return 'taken';
    };
    expect(hint({ 'live-restore': true })).toContain('leave it out');
    expect(hint({ 'data-rot': '/x' })).toBe('did you mean "data-root"?');
    expect(hint({ nonsense: 1 })).toStartWith('known keys: data-root, exec-root');
    expect(hint({ constructor: 1 })).toStartWith('known keys:');
  });
});

test('the preset of an engine is one that suits every container', () => {
  expect(parseSecurityDefault('restricted')).toBe('restricted');
  for (const wrong of ['system', 'Hardened', '', 1, undefined])
    expect(() => parseSecurityDefault(wrong)).toThrow(
      'security must be "default", "hardened" or "restricted"',
    );
});
