import { invalid } from '../../foundation/base/errors.ts';
import { formatIpSubnet, parseIpSubnet } from '../../foundation/base/ip-address.ts';
import type { SubnetPool } from './address-pool.ts';

/** Blocks of `/size` are cut from `base`: `{ base: '10.201.0.0/16', size: 24 }`. */
export interface PoolSetting {
  base: string;
  size: number;
}

export function toPool({ base, size }: PoolSetting): SubnetPool {
  return { base: parseIpSubnet(base), prefixLength: size };
}

/** Docker's `default-address-pools` of the configuration file. Undefined for an empty list, which is as none. */
export function readPools(value: unknown, where: string): PoolSetting[] | undefined {
  const wrong = (): Error => refused(where, 'want a list of { "base": "10.201.0.0/16", "size": 24 }');
  if (!Array.isArray(value)) throw wrong();
  if (value.length === 0) return undefined;
  return value.map((item: unknown) => {
    if (typeof item !== 'object' || item === null || !('base' in item) || !('size' in item)) throw wrong();
    const { base, size, ...others } = item;
    if (typeof base !== 'string' || typeof size !== 'number' || Object.keys(others).length > 0) throw wrong();
    return checkPool({ base, size }, where);
  });
}

/** `base=10.201.0.0/16,size=24` */
export function parsePool(text: string, where: string): PoolSetting {
  const fields = new Map(text.split(',').map((field) => field.split('=', 2) as [string, string | undefined]));
  const [base, size] = [fields.get('base'), fields.get('size')];
  if (fields.size !== 2 || base === undefined || !/^\d{1,3}$/.test(size ?? ''))
    throw refused(where, `${JSON.stringify(text.slice(0, 80))}: want base=10.201.0.0/16,size=24`);
  return checkPool({ base, size: Number(size) }, where);
}

function checkPool({ base, size }: PoolSetting, where: string): PoolSetting {
  const subnet = parseIpSubnet(base);
  if (subnet.family === 6)
    throw refused(where, `${base}: IPv6 blocks are chosen by themselves; a pool is of IPv4`);
  // A network needs two addresses beside its own and the last.
  if (!Number.isInteger(size) || size < subnet.prefixLength || size > 30)
    throw refused(where, `${base}: size must be from ${subnet.prefixLength} to 30`);
  return { base: formatIpSubnet(subnet), size };
}

const refused = (where: string, why: string): Error =>
  invalid(`${where}: ${why}`, { code: 'bad-configuration' });
