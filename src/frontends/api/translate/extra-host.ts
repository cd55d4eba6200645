import { isIP } from 'node:net';
import { invalid } from '../../../foundation/base/errors.ts';

/** `name:address`, or `name:host-gateway`. */
export function checkExtraHost(entry: string): string {
  const colon = entry.indexOf(':');
  const name = entry.slice(0, colon);
  if (colon < 1 || !/^[\x21-\x7e]+$/.test(name))
    throw invalid(`bad format for add-host: ${JSON.stringify(entry.slice(0, 80))}`, { code: 'bad-host' });
  const address = entry.slice(colon + 1).replace(/^\[(.*)\]$/, '$1');
  if (address !== 'host-gateway' && isIP(address) === 0)
    throw invalid(`invalid IP address in add-host: ${JSON.stringify(address.slice(0, 80))}`, {
      code: 'bad-host',
    });
  return `${name}:${address}`;
}
