import { isIP } from 'node:net';
import { splitPair } from '../../../foundation/base/split-pair.ts';
import { invalid } from '../../../foundation/base/errors.ts';
import type { PortMapJson } from '../../../foundation/wire/docker/container-config.ts';

export interface PublishedPorts {
  /** `80/tcp` of every published port. */
  exposed: string[];
  bindings: PortMapJson;
}

/**
 * Reads `--publish` values: `[[address:]hostPort:]containerPort[/protocol]`, ranges of equal length on both sides, or a range of host ports
 * for one container port; also `published=8080,target=80,protocol=tcp`.
 */
export function parsePublish(values: readonly string[]): PublishedPorts {
  const published: PublishedPorts = { exposed: [], bindings: {} };
  for (const value of values) addPublish(published, value.includes('=') ? toShortForm(value) : value);
  return published;
}

function toShortForm(value: string): string {
  const fields: Record<string, string> = { protocol: 'tcp' };
  for (const part of value.split(',')) {
    const [name, word] = splitPair(part);
    if (name === '' || word === undefined)
      throw invalid(`invalid publish opts format (should be name=value but got '${part}')`);
    fields[name] = word;
  }
  return `${fields['published'] ?? ''}:${fields['target'] ?? ''}/${fields['protocol'] ?? ''}`;
}

function addPublish(published: PublishedPorts, value: string): void {
  const { address, hostText, containerText, protocol } = splitPublish(value);
  const hostAddress = address.replace(/^\[(.*)\]$/, '$1');
  if (hostAddress !== '' && isIP(hostAddress) === 0) throw invalid(`invalid IP address: ${address}`);
  if (containerText === '') throw invalid(`no port specified: ${value}<empty>`);
  const container = portRange(containerText) ?? fail(`invalid containerPort: ${containerText}`);
  const host = hostText === '' ? undefined : (portRange(hostText) ?? fail(`invalid hostPort: ${hostText}`));
  const count = container.last - container.first + 1;
  const sameLength = host === undefined || host.last - host.first + 1 === count;
  if (!sameLength && count > 1)
    throw invalid(`invalid ranges specified for container and host Ports: ${containerText} and ${hostText}`);
  if (!['tcp', 'udp', 'sctp'].includes(protocol)) throw invalid(`invalid proto: ${protocol}`);
  for (let index = 0; index < count; index++) {
    const key = `${container.first + index}/${protocol}`;
    const hostPort =
      host === undefined ? '' : sameLength ? `${host.first + index}` : `${host.first}-${host.last}`;
    published.exposed.push(key);
    (published.bindings[key] ??= []).push({ HostIp: hostAddress, HostPort: hostPort });
  }
}

function splitPublish(value: string): {
  address: string;
  hostText: string;
  containerText: string;
  protocol: string;
} {
  const parts = value.split(':');
  const last = parts.pop() ?? '';
  const hostText = parts.pop() ?? '';
  const [containerText = '', protocol] = last.split('/', 2);
  return { address: parts.join(':'), hostText, containerText, protocol: (protocol || 'tcp').toLowerCase() };
}

function portRange(text: string): { first: number; last: number } | undefined {
  const match = /^(\d+)(?:-(\d+))?$/.exec(text);
  if (!match) return undefined;
  const first = Number(match[1]);
  const last = Number(match[2] ?? match[1]);
  return first > 65535 || last > 65535 || last < first ? undefined : { first, last };
}

function fail(message: string): never {
  throw invalid(message, {
    hint: 'ports are numbers up to 65535: 8080:80, 127.0.0.1:8080:80/tcp, 8000-8010:8000-8010',
  });
}

/** Reads one `--expose` value, `80`, `80-90/udp`, into `80/tcp` names. */
export function parseExpose(value: string): string[] {
  if (value.includes(':')) throw invalid(`invalid port format for --expose: ${value}`);
  const [ports = '', protocol = 'tcp'] = value.split('/', 2);
  const range = portRange(ports);
  if (range === undefined) {
    const bad = ports.split('-').find((part) => !/^\d+$/.test(part)) ?? ports;
    const why = /^\d+$/.test(bad) ? 'value out of range' : 'invalid syntax';
    throw invalid(
      `invalid range format for --expose: ${value}, error: strconv.ParseUint: parsing ${JSON.stringify(bad)}: ${why}`,
    );
  }
  return Array.from(
    { length: range.last - range.first + 1 },
    (_, index) => `${range.first + index}/${protocol.toLowerCase()}`,
  );
}
