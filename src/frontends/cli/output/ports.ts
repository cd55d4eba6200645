import type { PortJson } from '../../../foundation/wire/docker/container.ts';

interface Group {
  address: string;
  protocol: string;
  first: number;
  last: number;
}

/** Ports as `ps` shows them: neighbours that map to themselves become ranges, other mappings follow one by one. */
export function displayPorts(ports: readonly PortJson[]): string {
  const groups = new Map<string, Group>();
  const finished: string[] = [];
  const mappings: string[] = [];
  for (const port of [...ports].sort(comparePorts)) {
    const address = port.IP ?? '';
    if (address !== '' && port.PublicPort !== port.PrivatePort) {
      mappings.push(
        `${joinHostPort(address, String(port.PublicPort ?? 0))}->${port.PrivatePort}/${port.Type}`,
      );
      continue;
    }
    const key = `${address}/${port.Type}`;
    const group = groups.get(key);
    if (group?.last === port.PrivatePort - 1) {
      group.last = port.PrivatePort;
      continue;
    }
    if (group) finished.push(formatGroup(group));
    groups.set(key, { address, protocol: port.Type, first: port.PrivatePort, last: port.PrivatePort });
  }
  return [...finished, ...[...groups.values()].map(formatGroup), ...mappings].join(', ');
}

function formatGroup({ address, protocol, first, last }: Group): string {
  const range = first === last ? String(first) : `${first}-${last}`;
  return address === '' ? `${range}/${protocol}` : `${joinHostPort(address, range)}->${range}/${protocol}`;
}

const joinHostPort = (address: string, port: string): string =>
  address.includes(':') ? `[${address}]:${port}` : `${address}:${port}`;

function comparePorts(a: PortJson, b: PortJson): number {
  return (
    a.PrivatePort - b.PrivatePort ||
    compareText(a.IP ?? '', b.IP ?? '') ||
    (a.PublicPort ?? 0) - (b.PublicPort ?? 0) ||
    compareText(a.Type, b.Type)
  );
}

const compareText = (a: string, b: string): number => (a < b ? -1 : Number(a > b));
