import { nearest } from '../../foundation/base/nearest.ts';

/** What to do about a key of the configuration file that has no meaning. */
export function hintForUnknownKey(key: string, known: readonly string[]): string {
  const instead = Object.hasOwn(insteadOfDockers, key) ? insteadOfDockers[key] : undefined;
  if (instead !== undefined) return instead;
  const near = nearest(key, known);
  return near.length > 0
    ? `did you mean ${near.map((each) => `"${each}"`).join(', ')}?`
    : `known keys: ${known.join(', ')}`;
}

/** Keys of Docker's `daemon.json` that this engine has no use for. */
const insteadOfDockers: Readonly<Record<string, string>> = {
  debug: 'write "log-level": "debug"',
  'default-address-pools':
    'leave it out: networks get addresses that no route of the host has; `silo network create --subnet` chooses',
  'default-shm-size': 'give it to containers: silo run --shm-size',
  dns: "leave it out: containers get the host's servers; `silo run --dns` names others",
  'exec-opts': 'leave it out: the engine manages control groups itself',
  experimental: 'leave it out: all that is built in is on',
  features: 'leave it out: all that is built in is on',
  ip6tables: 'leave it out; "published-ports" says who decides about published ports',
  iptables: 'leave it out; "published-ports" says who decides about published ports',
  'live-restore': 'leave it out: containers always outlive the engine',
  pidfile: 'give it to the command: silo daemon --pidfile FILE',
  'storage-driver': 'leave it out: there is one way of storing layers',
  'userland-proxy': 'leave it out: no published port has a proxy',
  'userns-remap': 'leave it out: containers have users of their own; "userns" and "userns-range" change that',
};
