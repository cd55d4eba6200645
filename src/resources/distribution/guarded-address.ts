import { lookup as resolve } from 'node:dns';
import { type LookupFunction, isIP } from 'node:net';
import { forbidden as forbiddenError } from '../../foundation/base/errors.ts';
import { type Reach, mayReach, splitHostPort } from './trust.ts';

/** Addresses written as such never pass through `lookup`. */
export function refuseAddress({ url, reach }: { url: URL; reach: Reach }): void {
  const { name } = splitHostPort(url.host);
  const local = name === 'localhost' || name.endsWith('.localhost');
  const refused = isIP(name) === 0 ? local && reach === 'followed' : !mayReach(name, reach);
  if (refused) throw unreachable(name);
}

export function guardedLookup(reach: Reach): LookupFunction {
  return (hostname, options, callback) => {
    resolve(hostname, { ...options, all: true }, (error, addresses) => {
      if (error) return callback(error, '');
      const refused = addresses.find(({ address }) => !mayReach(address, reach));
      if (refused) return callback(unreachable(`${hostname} (${refused.address})`), '');
      const [first] = addresses;
      if (options.all || first === undefined) return callback(null, addresses);
      callback(null, first.address, first.family);
    });
  };
}

function unreachable(where: string): Error {
  return forbiddenError(`the registry pointed to ${where}, which is reserved for this machine`, {
    code: 'reserved-address',
    hint: 'redirects and token servers must be reachable from elsewhere; if this is your own registry, address it directly',
  });
}
