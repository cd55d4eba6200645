import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { findIpAddress, type IpAddress } from '../../foundation/base/ip-address.ts';

/** Used, as Docker does, when the host names no resolver that a container could reach. */
const fallbackResolvers = ['8.8.8.8', '8.8.4.4'];

export interface ResolvConfRequest {
  /** Text of the host's file, see `readHostResolvConf`. */
  host: string;
  /** From the request; each replaces what the host says when it is not empty. `search` of `.` means none. */
  dns?: readonly string[];
  search?: readonly string[];
  options?: readonly string[];
  /**
   * A namespace of its own cannot reach resolvers on the host's loopback or behind a zone of the host's interfaces; in the host's
   * namespace all are kept.
   */
  namespace: 'own' | 'host';
  /** Address of our resolver, which asks those servers itself; names with no dot are asked as they are, since containers have such. */
  resolver?: string;
}

/** The text of the container's `/etc/resolv.conf` (resolv.conf(5)). */
export function renderResolvConf(request: ResolvConfRequest): string {
  const host = parse(request.host);
  const resolvers = request.resolver
    ? [request.resolver]
    : chosen(request.dns, reachable(host.resolvers, request.namespace));
  const search = chosen(request.search, host.search).filter((domain) => domain !== '.');
  const plainOptions = chosen(request.options, host.options);
  const options =
    request.resolver && !plainOptions.some((option) => option.startsWith('ndots:'))
      ? [...plainOptions, 'ndots:0']
      : plainOptions;
  const lines = [
    ...resolvers.map((address) => `nameserver ${address}`),
    ...(search.length > 0 ? [`search ${search.join(' ')}`] : []),
    ...(options.length > 0 ? [`options ${options.join(' ')}`] : []),
  ];
  return lines.map((line) => `${line}\n`).join('');
}

/**
 * The host's file, or the one behind it: where systemd-resolved's stub on 127.0.0.53 is the only resolver, the real ones are in
 * systemd-resolved(8)'s own file.
 */
export async function readHostResolvConf(root = '/'): Promise<string> {
  const text = await readFile(join(root, 'etc/resolv.conf'), 'utf8').catch(() => '');
  const { resolvers } = parse(text);
  if (resolvers.length !== 1 || resolvers[0] !== '127.0.0.53') return text;
  return await readFile(join(root, 'run/systemd/resolve/resolv.conf'), 'utf8').catch(() => text);
}

/** The servers that the host asks. */
export function hostResolvers(text: string): string[] {
  return parse(text).resolvers.filter((address) => findIpAddress(address) !== undefined);
}

interface Parsed {
  resolvers: string[];
  search: string[];
  options: string[];
}

function parse(text: string): Parsed {
  const parsed: Parsed = { resolvers: [], search: [], options: [] };
  for (const line of text.split('\n')) {
    const [keyword, ...words] = line
      .replace(/[#;].*$/, '')
      .trim()
      .split(/\s+/);
    if (keyword === 'nameserver' && words[0]) parsed.resolvers.push(words[0]);
    // Of several `search` or `domain` lines the last one counts.
    if (keyword === 'search' || keyword === 'domain') parsed.search = words;
    if (keyword === 'options') parsed.options.push(...words);
  }
  return parsed;
}

function chosen(wanted: readonly string[] | undefined, otherwise: readonly string[]): readonly string[] {
  return wanted && wanted.length > 0 ? wanted : otherwise;
}

function reachable(resolvers: readonly string[], namespace: 'own' | 'host'): readonly string[] {
  if (namespace === 'host') return resolvers;
  const kept = resolvers.filter((text) => {
    const address = findIpAddress(text);
    return address && !isLoopback(address);
  });
  return kept.length > 0 ? kept : fallbackResolvers;
}

function isLoopback({ family, value }: IpAddress): boolean {
  return family === 4 ? value >> 24n === 127n : value === 1n;
}
