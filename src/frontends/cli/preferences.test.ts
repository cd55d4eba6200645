import { afterAll, expect, test } from 'bun:test';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { command as ps } from './commands/ps.ts';
import { command as run } from './commands/run.ts';
import { applyPreferences, proxyVariables } from './preferences.ts';

const folder = mkdtempSync(join(tmpdir(), 'silo-preferences-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

let complaints = '';
const io = {
  env: { DOCKER_CONFIG: folder },
  stderr: { write: (text: string) => void (complaints += text) } as unknown as NodeJS.WriteStream,
};
const configure = (text: string): void => writeFileSync(join(folder, 'config.json'), text);

test("formats and detach keys of Docker's client hold where none are given", async () => {
  configure('{"psFormat":"{{.Names}}","detachKeys":"ctrl-x"}');
  const values: Record<string, unknown> = { format: '' };
  await applyPreferences(ps, { values, given: new Set() }, io);
  expect(values).toEqual({ format: '{{.Names}}' });
  const given: Record<string, unknown> = { format: 'json' };
  await applyPreferences(ps, { values: given, given: new Set(['format']) }, io);
  expect(given).toEqual({ format: 'json' });
  const keys: Record<string, unknown> = { 'detach-keys': '' };
  await applyPreferences(run, { values: keys, given: new Set() }, io);
  expect(keys).toEqual({ 'detach-keys': 'ctrl-x' });
});

test('proxies are those of the engine that is asked, else the default ones', async () => {
  configure(
    '{"proxies":{"default":{"httpProxy":"http://p:3128","noProxy":".corp"},"tcp://lab":{"allProxy":"socks5://s"}}}',
  );
  expect(await proxyVariables(io, 'unix:///run/silo/silo.sock')).toEqual({
    HTTP_PROXY: 'http://p:3128',
    http_proxy: 'http://p:3128',
    NO_PROXY: '.corp',
    no_proxy: '.corp',
  });
  expect(await proxyVariables(io, 'tcp://lab')).toEqual({ ALL_PROXY: 'socks5://s', all_proxy: 'socks5://s' });
});

test('a file that cannot be read is told once and counts as empty', async () => {
  configure('{"auths": broken');
  expect(await proxyVariables(io, 'x')).toEqual({});
  expect(complaints).toMatch(/^WARNING: .*config\.json is not a JSON object\n$/);
});
