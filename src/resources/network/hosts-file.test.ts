import { expect, test } from 'bun:test';
import { renderHostsFile } from './hosts-file.ts';

const fixed = `127.0.0.1\tlocalhost
::1\tlocalhost ip6-localhost ip6-loopback
fe00::\tip6-localnet
ff00::\tip6-mcastprefix
ff02::1\tip6-allnodes
ff02::2\tip6-allrouters
`;

test('a container knows itself, the host and what it was told', () => {
  expect(
    renderHostsFile({
      hostname: 'web',
      domainname: 'example.org',
      addresses: ['172.29.0.2', 'fd00::2'],
      extraHosts: ['db:10.0.0.9', 'six:[2001:db8::1]', 'me=host-gateway'],
      hostGateway: '172.29.0.1',
    }),
  ).toBe(
    `${fixed}172.29.0.1\thost.docker.internal host.containers.internal
10.0.0.9\tdb
2001:db8::1\tsix
172.29.0.1\tme
172.29.0.2\tweb.example.org web
fd00::2\tweb.example.org web
`,
  );
});

test('names that the user gives an address are not given another one', () => {
  const text = renderHostsFile({
    hostname: 'web',
    addresses: [],
    extraHosts: ['host.docker.internal:10.0.0.1'],
    hostGateway: '172.29.0.1',
  });
  expect(text).toContain('172.29.0.1\thost.containers.internal\n');
  expect(text).toContain('10.0.0.1\thost.docker.internal\n');
});

test('entries that are no name and address are refused', () => {
  const render = (extra: string): string =>
    renderHostsFile({ hostname: 'a', addresses: [], extraHosts: [extra] });
  expect(() => render('nothing')).toThrow('bad format for add-host');
  expect(() => render('a:1.2.3')).toThrow('invalid IP address in add-host');
  expect(() => render('a\n9.9.9.9 b:1.2.3.4')).toThrow('bad format for add-host');
  expect(() => render('a:1.2.3.4\n9.9.9.9 b')).toThrow('add-host');
  expect(() => render('a:host-gateway')).toThrow('unable to derive the IP value for host-gateway');
});
