import { declare } from '../libc.ts';

const ifNametoindex = declare<[string]>('if_nametoindex', 'int', ['str']);

/**
 * Index of the interface in this thread's network namespace (if_nametoindex(3)). Unlike netlink requests it does not wait for the
 * kernel's one lock over all interfaces, which a dying namespace holds for tens of milliseconds.
 */
export function findInterfaceIndex(name: string): number | undefined {
  const index = ifNametoindex(name);
  return index > 0 ? index : undefined;
}
