import { appendFile, readFile, stat, writeFile } from 'node:fs/promises';
import { chownSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { ContainerId } from '../../../foundation/base/ids.ts';
import { hostsLine, renderHostsFile } from '../../../resources/network/hosts-file.ts';
import { addressesOf, type Endpoint } from '../../../resources/network/network.ts';
import { readHostResolvConf, renderResolvConf } from '../../../resources/network/resolv-conf.ts';
import type { MountInput } from '../../../resources/spec/spec.ts';
import type { ContainerRecord } from '../container.ts';
import type { Context } from '../context.ts';
import { hasResolver } from './networking.ts';
import type { OwnerShift } from '../userns/owner-shift.ts';
import { resolverAddress } from '../../../resources/network/resolver/resolver.ts';

const names = ['hostname', 'hosts', 'resolv.conf'] as const;

/** Writes `hostname`, `hosts` and `resolv.conf` of this run beside the log; they are mounted over the image's. */
export async function writeEtcFiles(
  context: Context,
  record: ContainerRecord,
  run: { endpoints: readonly Endpoint[]; links: readonly string[]; shift: OwnerShift | undefined },
): Promise<MountInput[]> {
  const other = /^container:(.*)$/.exec(record.config.network.mode)?.[1];
  const owner = other === undefined ? record : context.store.get(other);
  const directory = join(context.settings.containersDirectory, owner.id);
  if (owner === record)
    await write(context, directory, record, {
      ...run,
      gateway: context.endpoints.gatewayOf(record.id),
    });
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
  context: Context,
  directory: string,
  record: ContainerRecord,
  {
    endpoints,
    gateway,
    links,
    shift,
  }: {
    endpoints: readonly Endpoint[];
    gateway: Endpoint | undefined;
    links: readonly string[];
    shift: OwnerShift | undefined;
  },
): Promise<void> {
  const contents: Record<(typeof names)[number], string> = {
    hostname: `${record.config.hostname}\n`,
    hosts: await hostsFile(record, endpoints, gateway, links),
    'resolv.conf': await resolvConf(context, record),
  };
  for (const name of names) writeFileSync(join(directory, name), contents[name], { mode: 0o644 });
  own(directory, shift?.root ?? hostRoot);
}

const hostRoot = { uid: 0, gid: 0 };

function own(directory: string, { uid, gid }: { uid: number; gid: number }): void {
  for (const name of names) chownSync(join(directory, name), uid, gid);
}

/** After a run with ids of its own, which another container may have next. */
export function takeBackEtcFiles({ settings }: Pick<Context, 'settings'>, id: ContainerId): void {
  try {
    own(join(settings.containersDirectory, id), hostRoot);
  } catch (error) {
    // Never written: the run shared another's, or ended before.
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
  }
}

/** On joining a network while running; what the container itself wrote into the file stays. */
export async function addToHostsFile(
  context: Context,
  record: ContainerRecord,
  endpoint: Endpoint,
): Promise<void> {
  const path = join(context.settings.containersDirectory, record.id, 'hosts');
  await appendFile(path, hostsLines(record, endpoint).join(''));
}

export async function removeFromHostsFile(
  context: Context,
  record: ContainerRecord,
  endpoint: Endpoint,
): Promise<void> {
  const path = join(context.settings.containersDirectory, record.id, 'hosts');
  const gone = new Set(hostsLines(record, endpoint));
  const text = await readEtcFile(path);
  if (text === undefined) return;
  const kept = text.split(/(?<=\n)/).filter((line) => !gone.has(line));
  await writeFile(path, kept.join(''));
}

/** Of a file that programs inside may have filled as they like. */
const mostBytes = 1024 * 1024;

/** The text of a file that a container writes too; undefined when it is no text of ours any more. */
export async function readEtcFile(path: string): Promise<string | undefined> {
  const { size } = await stat(path);
  return size > mostBytes ? undefined : await readFile(path, 'utf8');
}

function hostsLines({ config }: ContainerRecord, endpoint: Endpoint): string[] {
  const { hostname, domainname } = config;
  return addressesOf(endpoint).map(({ address }) => hostsLine(address, { hostname, domainname }));
}

async function hostsFile(
  record: ContainerRecord,
  endpoints: readonly Endpoint[],
  gateway: Endpoint | undefined,
  links: readonly string[],
): Promise<string> {
  const { config } = record;
  const { mode, extraHosts } = config.network;
  if (mode === 'host' && extraHosts.length === 0) return readFile('/etc/hosts', 'utf8').catch(() => '');
  const hostGateway = mode === 'host' ? '127.0.0.1' : (gateway?.ipv4 ?? gateway?.ipv6)?.gateway;
  return renderHostsFile({
    hostname: config.hostname,
    domainname: config.domainname,
    addresses: endpoints.flatMap(addressesOf).map(({ address }) => address),
    extraHosts,
    links,
    ...(hostGateway ? { hostGateway } : {}),
  });
}

/** A container that joins its first network with names asks our resolver from then on, unless it wrote the file itself. */
export async function switchToResolver(
  context: Context,
  before: ContainerRecord,
  after: ContainerRecord,
): Promise<void> {
  const path = join(context.settings.containersDirectory, after.id, 'resolv.conf');
  const [old, wanted] = [await resolvConf(context, before), await resolvConf(context, after)];
  if (old !== wanted && (await readEtcFile(path)) === old) await writeFile(path, wanted);
}

async function resolvConf(context: Pick<Context, 'settings'>, { config }: ContainerRecord): Promise<string> {
  const { dns, dnsSearch, dnsOptions, mode } = config.network;
  return renderResolvConf({
    host: await readHostResolvConf(),
    dns,
    search: dnsSearch,
    options: dnsOptions,
    namespace: mode === 'host' ? 'host' : 'own',
    ...(hasResolver(context, config) ? { resolver: resolverAddress } : {}),
  });
}
