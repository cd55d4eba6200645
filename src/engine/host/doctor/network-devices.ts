import { createBridge, createVeth } from '../../../foundation/kernel/netlink/links.ts';
import type { Request } from '../../../foundation/kernel/netlink/message.ts';
import { openRouteSocket } from '../../../foundation/kernel/netlink/socket.ts';
import { isErrno } from '../../../foundation/kernel/syscall-error.ts';
import type { Findings } from './finding.ts';

/** The kernel looks for the driver first and then refuses this name: nothing is ever made (dev_valid_name, `/` is not allowed). */
const impossibleName = 'silo/probe';

const probes: { kind: string; purpose: string; request: Request }[] = [
  {
    kind: 'bridge',
    purpose: 'connects the containers of a network',
    request: createBridge({ name: impossibleName }),
  },
  {
    kind: 'veth',
    purpose: 'connects a container with its network',
    request: createVeth({
      host: { name: 'siloprobe' },
      peer: { name: impossibleName },
      namespace: { pid: process.pid },
    }),
  },
];

/** Asks the kernel for each kind of interface in a way that cannot succeed: an unknown kind is refused differently. */
export function checkNetworkDevices(): Findings {
  using socket = openRouteSocket();
  const missing = probes.filter(({ request }) => {
    try {
      socket.execute([request]);
      return false;
    } catch (error) {
      return !isErrno(error, 'EINVAL');
    }
  });
  if (missing.length === 0)
    return [
      {
        status: 'ok',
        title: `The kernel has ${probes.map(({ kind }) => kind).join(' and ')} interfaces`,
        why: 'Container networks are made of them.',
      },
    ];
  return missing.map(({ kind, purpose }) => ({
    status: 'problem',
    title: `The kernel has no ${kind} interfaces`,
    why: `Such an interface ${purpose}; without it only \`--network none\` and \`--network host\` work.`,
    fix: [`modprobe ${kind}`],
  }));
}
