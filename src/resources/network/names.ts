import { createHash } from 'node:crypto';
import { invalid } from '../../foundation/base/errors.ts';

/** Longest name that the kernel gives an interface (IFNAMSIZ - 1). */
const interfaceNameLimit = 15;

/** Names in the kernel that two daemons on one host must not share; all derive from the instance's name. */
export interface KernelNames {
  instance: string;
  /** Our one nftables table, family inet. */
  table: string;
  /** What the host's end of every veth pair of this instance starts with. */
  vethPrefix: string;
}

export function kernelNames(instance: string): KernelNames {
  if (!/^[a-z][a-z0-9-]{0,30}$/.test(instance))
    throw invalid(`invalid instance name ${JSON.stringify(instance)}: want 1-31 of a-z, 0-9 and "-"`);
  const tag = createHash('sha256').update(instance).digest('hex').slice(0, 4);
  return { instance, table: instance, vethPrefix: `sv${tag}` };
}

/** The host's end of an endpoint's pair: found again from the record alone. */
export function vethName(names: KernelNames, endpointId: string): string {
  return `${names.vethPrefix}${endpointId}`.slice(0, interfaceNameLimit);
}

/** As Docker names the bridges of user-defined networks, so that habits with tcpdump and ip(8) work. */
export function bridgeName(networkId: string): string {
  return `br-${networkId.slice(0, 12)}`;
}

export function checkInterfaceName(name: string): string {
  // dev_valid_name() of the kernel; narrower, because the name is also written into rules.
  if (!/^[a-zA-Z0-9][a-zA-Z0-9_.-]*$/.test(name) || name.length > interfaceNameLimit)
    throw invalid(
      `invalid interface name ${JSON.stringify(name)}: want at most ${interfaceNameLimit} letters, digits, "_", "." or "-"`,
    );
  return name;
}
