import { isIP } from 'node:net';
import { splitPair } from '../../../foundation/base/split-pair.ts';
import { splitCsv } from './csv.ts';

/** One `--network`: a name, or `name=…,alias=…,ip=…`. */
export interface NetworkOption {
  target: string;
  aliases: string[];
  driverOptions: Record<string, string>;
  ipv4: string;
  ipv6: string;
  linkLocal: string[];
  macAddress: string;
  gatewayPriority: number;
}

export function parseNetwork(text: string): NetworkOption {
  const option: NetworkOption = {
    target: '',
    aliases: [],
    driverOptions: {},
    ipv4: '',
    ipv6: '',
    linkLocal: [],
    macAddress: '',
    gatewayPriority: 0,
  };
  if (!/(^|,)\s*\w[\w-]*\s*=/.test(text)) {
    option.target = text;
    return option;
  }
  for (const field of splitCsv(text)) {
    const [key, value] = splitPair(field);
    if (value === undefined) throw new Error(`invalid field ${field}`);
    setField(option, key.trim().toLowerCase(), value.trim());
  }
  if (option.target === '') throw new Error('network name/id is not specified');
  return option;
}

function setField(option: NetworkOption, key: string, value: string): void {
  switch (key) {
    case 'name':
      option.target = value;
      return;
    case 'alias':
      option.aliases.push(value);
      return;
    case 'driver-opt': {
      const [name, word] = splitPair(value);
      if (name === '' || word === undefined)
        throw new Error('invalid key value pair format in driver options');
      option.driverOptions[name] = word;
      return;
    }
    case 'ip':
      option.ipv4 = value;
      return;
    case 'ip6':
      option.ipv6 = value;
      return;
    case 'mac-address':
      option.macAddress = value;
      return;
    case 'link-local-ip':
      option.linkLocal.push(value);
      return;
    case 'gw-priority':
      if (!/^-?\d+$/.test(value)) throw new Error(`invalid gw-priority (${value})`);
      option.gatewayPriority = Number(value);
      return;
    default:
      throw new Error(`invalid field key ${key}`);
  }
}

/** For `--dns`. */
export function checkAddress(text: string): void {
  if (isIP(text.trim()) === 0) throw new Error(`IP address is not correctly formatted: ${text}`);
}

/** Reads `--add-host name:address` (or `=`, or an address in brackets) into `name:address`. */
export function parseExtraHost(text: string): string {
  const at = text.includes('=') ? text.indexOf('=') : text.indexOf(':');
  if (at <= 0) throw new Error(`bad format for add-host: ${JSON.stringify(text)}`);
  const address = text.slice(at + 1).replace(/^\[(.*)\]$/, '$1');
  if (address !== 'host-gateway' && isIP(address) === 0)
    throw new Error(`invalid IP address in add-host: ${JSON.stringify(address)}`);
  return `${text.slice(0, at)}:${address}`;
}
