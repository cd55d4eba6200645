import { expect, test } from 'bun:test';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { readHostResolvConf, renderResolvConf } from './resolv-conf.ts';

const host = `# made by hand
nameserver 127.0.0.1
nameserver 10.255.255.53 ; the real one
nameserver ::1
nameserver fe80::1%eth0
nameserver 2001:db8::53
search old.example
search corp.example lab.example
options ndots:2
options edns0
`;

test('resolvers that only the host can reach are left out', () => {
  expect(renderResolvConf({ host, namespace: 'own' })).toBe(
    'nameserver 10.255.255.53\nnameserver 2001:db8::53\nsearch corp.example lab.example\noptions ndots:2 edns0\n',
  );
});

test('in the namespace of the host all resolvers stay', () => {
  expect(renderResolvConf({ host, namespace: 'host' })).toContain('nameserver 127.0.0.1\n');
  expect(renderResolvConf({ host, namespace: 'host' })).toContain('nameserver fe80::1%eth0\n');
});

test('without a reachable resolver public ones are named', () => {
  expect(renderResolvConf({ host: 'nameserver 127.0.0.53\n', namespace: 'own' })).toBe(
    'nameserver 8.8.8.8\nnameserver 8.8.4.4\n',
  );
});

test('what the request says replaces what the host says', () => {
  expect(
    renderResolvConf({ host, namespace: 'own', dns: ['127.0.0.1'], search: ['.'], options: ['timeout:1'] }),
  ).toBe('nameserver 127.0.0.1\noptions timeout:1\n');
});

test('behind the stub of systemd-resolved its own file is read', async () => {
  const root = await mkdtemp(join(tmpdir(), 'silo-resolv-'));
  await mkdir(join(root, 'etc'));
  await mkdir(join(root, 'run/systemd/resolve'), { recursive: true });
  await writeFile(join(root, 'etc/resolv.conf'), 'nameserver 127.0.0.53\noptions trust-ad\n');
  expect(await readHostResolvConf(root)).toContain('127.0.0.53');
  await writeFile(join(root, 'run/systemd/resolve/resolv.conf'), 'nameserver 192.0.2.53\n');
  expect(await readHostResolvConf(root)).toBe('nameserver 192.0.2.53\n');
  await rm(root, { recursive: true });
});
