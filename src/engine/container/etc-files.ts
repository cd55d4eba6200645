import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { renderHostsFile } from '../../resources/network/hosts-file.ts';
import type { Endpoint } from '../../resources/network/network.ts';
import { readHostResolvConf, renderResolvConf } from '../../resources/network/resolv-conf.ts';
import type { MountInput } from '../../resources/spec/spec.ts';
import type { ContainerRecord } from './container.ts';
import type { Context } from './context.ts';

const names = ['hostname', 'hosts', 'resolv.conf'] as const;

/** Writes `hostname`, `hosts` and `resolv.conf` of this run beside the log; they are mounted over the image's. */
export async function writeEtcFiles(
  context: Context,
  record: ContainerRecord,
  endpoints: readonly Endpoint[],
): Promise<MountInput[]> {
  const other = /^container:(.*)$/.exec(record.config.network.mode)?.[1];
  const owner = other === undefined ? record : context.store.get(other);
  const directory = join(context.settings.containersDirectory, owner.id);
  if (owner === record) await write(directory, record, endpoints);
  return names.map((name) => ({
    type: 'bind',
    source: join(directory, name),
    destination: `/etc/${name}`,
    readonly: false,
    recursive: false,
  }));
}

/** Written in place: a restart must keep the inode that another container sharing the network has mounted. */
async function write(
  directory: string,
  record: ContainerRecord,
  endpoints: readonly Endpoint[],
): Promise<void> {
  const contents: Record<(typeof names)[number], string> = {
    hostname: `${record.config.hostname}\n`,
    hosts: await hostsFile(record, endpoints),
    'resolv.conf': await resolvConf(record),
  };
  await Promise.all(names.map((name) => writeFile(join(directory, name), contents[name], { mode: 0o644 })));
}

async function hostsFile(record: ContainerRecord, endpoints: readonly Endpoint[]): Promise<string> {
  const { config } = record;
  const { mode, extraHosts } = config.network;
  if (mode === 'host' && extraHosts.length === 0) return readFile('/etc/hosts', 'utf8').catch(() => '');
  const hostGateway = mode === 'host' ? '127.0.0.1' : endpoints[0]?.ipv4.gateway;
  return renderHostsFile({
    hostname: config.hostname,
    domainname: config.domainname,
    addresses: endpoints.flatMap(({ ipv4, ipv6 }) => [ipv4.address, ...(ipv6 ? [ipv6.address] : [])]),
    extraHosts,
    ...(hostGateway ? { hostGateway } : {}),
  });
}

async function resolvConf({ config }: ContainerRecord): Promise<string> {
  const { dns, dnsSearch, dnsOptions, mode } = config.network;
  return renderResolvConf({
    host: await readHostResolvConf(),
    dns,
    search: dnsSearch,
    options: dnsOptions,
    namespace: mode === 'host' ? 'host' : 'own',
  });
}
