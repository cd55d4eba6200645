import { existsSync, readFileSync, readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { invalid } from '../../foundation/base/errors.ts';
import type { Log } from '../../foundation/base/log.ts';
import type { InterfaceSysctl } from './network.ts';

const root = '/proc/sys/net';

/** A setting of the current thread's network namespace; undefined when this kernel does not have it. */
export function readNetSysctl(name: string): string | undefined {
  try {
    return readFileSync(join(root, name), 'utf8').trim();
  } catch {
    return undefined;
  }
}

/** Writes only what differs: container runtimes often mount /proc/sys read-only with the right values in place. */
function writeNetSysctl(name: string, value: string): void {
  const current = readNetSysctl(name);
  if (current !== undefined && current !== value) writeFileSync(join(root, name), value);
}

export function hostHasIpv6(): boolean {
  return (
    existsSync(join(root, 'ipv6/conf/all/forwarding')) && readNetSysctl('ipv6/conf/all/disable_ipv6') !== '1'
  );
}

/** br_netfilter sends frames between members of a bridge through the IPv4 (IPv6) rules of the whole host. */
export function bridgedTrafficIsFiltered(family: 4 | 6): boolean {
  return readNetSysctl(`bridge/bridge-nf-call-${family === 4 ? 'iptables' : 'ip6tables'}`) === '1';
}

/**
 * Makes the host forward packets, which every bridge network needs; the only settings that we write outside of our own interfaces. Each
 * change is logged, because it stays when we are gone.
 *
 * IPv6: a host that forwards stops to accept router advertisements and forgets the routes that it learned from them, unless `accept_ra` is 2
 * (kernel documentation, networking/ip-sysctl). So hosts that live from advertisements are told to keep accepting them first.
 */
export function enableForwarding(log: Log, options: { ipv6: boolean }): void {
  if (readNetSysctl('ipv4/ip_forward') === '0') {
    writeNetSysctl('ipv4/ip_forward', '1');
    log.info('switched IPv4 forwarding on for container networks', { sysctl: 'net.ipv4.ip_forward' });
  }
  if (!options.ipv6 || readNetSysctl('ipv6/conf/all/forwarding') !== '0') return;
  const kept = readdirSync(join(root, 'ipv6/conf')).filter(
    (name) => name !== 'all' && name !== 'lo' && keepsAdvertisements(name),
  );
  writeNetSysctl('ipv6/conf/all/forwarding', '1');
  log.info('switched IPv6 forwarding on for container networks', {
    sysctl: 'net.ipv6.conf.all.forwarding',
    acceptRaKept: kept.join(' '),
  });
}

function keepsAdvertisements(name: string): boolean {
  if (readNetSysctl(`ipv6/conf/${name}/accept_ra`) !== '1') return false;
  writeNetSysctl(`ipv6/conf/${name}/accept_ra`, '2');
  return true;
}

/** Before the bridge comes up: it is a router's interface and takes no configuration from containers (CVE-2020-13401). */
export function prepareBridge(bridge: string): void {
  writeNetSysctl(`ipv6/conf/${bridge}/disable_ipv6`, '0');
  writeNetSysctl(`ipv6/conf/${bridge}/accept_ra`, '0');
  writeNetSysctl(`ipv6/conf/${bridge}/accept_dad`, '0');
}

/** Lets packets with a loopback source leave through the bridge, for ports that are published on 127.0.0.0/8. Only once the guard rules stand. */
export function allowLoopbackPublishing(bridge: string): void {
  writeNetSysctl(`ipv4/conf/${bridge}/route_localnet`, '1');
}

/** Called inside the container's namespace before it has an interface: other containers on the bridge must not become its router. */
export function prepareContainer(): void {
  writeNetSysctl('ipv6/conf/default/accept_ra', '0');
}

/** Called inside the container's namespace, before the interface comes up. */
export function setInterfaceSysctls(interfaceName: string, sysctls: readonly InterfaceSysctl[]): void {
  for (const { family, group, name, value } of sysctls) {
    const path = join(root, family, group, interfaceName, name);
    try {
      writeFileSync(path, value, { flag: 'r+' });
    } catch (cause) {
      throw invalid(
        `unable to set sysctl net.${family}.${group}.${interfaceName}.${name}=${value}: ${(cause as Error).message}`,
        {
          code: 'bad-sysctl',
          cause,
        },
      );
    }
  }
}
