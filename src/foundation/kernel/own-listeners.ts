import { readdirSync, readFileSync, readlinkSync } from 'node:fs';

/** Where this process listens, as the kernel tells it. */
export interface Listeners {
  sockets: string[];
  tcp: { address: string; port: number }[];
}

/** proc_pid_net(5): listening sockets whose descriptors are ours. */
export function ownListeners(): Listeners {
  const own = new Set<string>();
  for (const fd of readdirSync('/proc/self/fd')) {
    const inode = /^socket:\[(\d+)\]$/.exec(linkOf(`/proc/self/fd/${fd}`))?.[1];
    if (inode !== undefined) own.add(inode);
  }
  const rows = (file: string): string[][] => {
    const [, ...lines] = readFileSync(`/proc/self/net/${file}`, 'utf8').trim().split('\n');
    return lines.map((line) => line.trim().split(/\s+/));
  };
  // Flags 00010000 of a unix socket and state 0A of TCP are "listens".
  const sockets = rows('unix')
    .filter(
      ([, , , flags, , , inode, path]) =>
        flags === '00010000' && path?.startsWith('/') && own.has(inode ?? ''),
    )
    .map((row) => row[7] ?? '');
  const tcp = ['tcp', 'tcp6']
    .flatMap(rows)
    .filter((row) => row[3] === '0A' && own.has(row[9] ?? ''))
    .map((row) => toAddress(row[1] ?? ''));
  return { sockets, tcp };
}

function linkOf(path: string): string {
  try {
    return readlinkSync(path);
  } catch {
    return '';
  }
}

/** `0100007F:0050`: words of four bytes in the order of the machine. */
function toAddress(text: string): { address: string; port: number } {
  const [hex = '', port = ''] = text.split(':');
  const bytes = (hex.match(/.{8}/g) ?? [])
    .flatMap((word) => (word.match(/../g) ?? []).toReversed())
    .map((byte) => Number.parseInt(byte, 16));
  const address =
    bytes.length === 4 ? bytes.join('.') : bytes.every((byte) => byte === 0) ? '::' : formatSix(bytes);
  return { address, port: Number.parseInt(port, 16) };
}

function formatSix(bytes: readonly number[]): string {
  const isLoopback = bytes.slice(0, 15).every((byte) => byte === 0) && bytes[15] === 1;
  if (isLoopback) return '::1';
  const groups = Array.from({ length: 8 }, (_, at) =>
    ((bytes[2 * at] ?? 0) * 256 + (bytes[2 * at + 1] ?? 0)).toString(16),
  );
  return groups.join(':');
}
