import { invalid } from '../../../foundation/base/errors.ts';
import type { InterfaceSysctl } from '../../../resources/network/network.ts';

/** Docker's driver option for settings of the interface inside: `net.ipv4.conf.IFNAME.log_martians=1,…`; `IFNAME` stands for its name. */
const sysctlsOption = 'com.docker.network.endpoint.sysctls';

export function parseInterfaceSysctls(driverOptions: Readonly<Record<string, string>>): InterfaceSysctl[] {
  const text = driverOptions[sysctlsOption] ?? '';
  return text === '' ? [] : text.split(',').map(parseOne);
}

function parseOne(word: string): InterfaceSysctl {
  const [key = '', ...values] = word.split('=');
  const value = values.join('=');
  const shown = word.slice(0, 80);
  if (values.length === 0) throw refused(`expected sysctl 'key=value', got '${shown}'`);
  const match = /^net\.(ipv4|ipv6|mpls)\.(conf|neigh)\.IFNAME\.([a-z0-9_]{1,64})$/.exec(key);
  if (!match || !/^[\w .-]{1,64}$/.test(value)) throw refused(`expected net.X.Y.IFNAME.Z, got '${shown}'`);
  const [, family, group, name = ''] = match;
  return {
    family: family === 'ipv4' || family === 'ipv6' ? family : 'mpls',
    group: group === 'conf' ? group : 'neigh',
    name,
    value,
  };
}

function refused(why: string): Error {
  return invalid(`invalid endpoint settings:\n${why}`, {
    code: 'bad-sysctl',
    hint: 'write it as net.ipv4.conf.IFNAME.log_martians=1',
  });
}
