import { parseExtraHost } from '../parse/network.ts';
import { parseUlimit } from '../parse/ulimit.ts';
import { collectPairs } from '../parse/key-value.ts';
import { readArguments } from './arguments.ts';
import type { BuildOptionValues } from './options.ts';
import type { Destinations } from './destinations.ts';

interface Surroundings {
  env: Readonly<Record<string, string | undefined>>;
  /** Arguments that hold unless the command line says other ones. */
  proxies: Readonly<Record<string, string>>;
  /** Of the Dockerfile, in the context. */
  dockerfile: string;
  destinations: Destinations;
}

/** The parameters of `POST /build` that the options mean; those that were not given are left out. */
export function buildQuery(
  options: BuildOptionValues,
  { env, proxies, dockerfile, destinations }: Surroundings,
): string {
  const query = new URLSearchParams();
  const text = (name: string, value: string): void => {
    if (value !== '') query.set(name, value);
  };
  const number = (name: string, value: number): void => text(name, value === 0 ? '' : String(value));
  const json = (name: string, value: readonly unknown[] | object): void => {
    if (Object.keys(value).length > 0) query.set(name, JSON.stringify(value));
  };
  const flag = (name: string, value: boolean): void => text(name, value ? '1' : '');

  query.set('dockerfile', dockerfile);
  for (const tag of options.tag) query.append('t', tag);
  const given = Object.fromEntries(withEpoch(readArguments(options['build-arg'], env), env));
  json('buildargs', { ...proxies, ...given });
  json('labels', collectPairs(options.label));
  text('target', options.target);
  flag('nocache', options['no-cache']);
  json('nocachefilter', options['no-cache-filter']);
  flag('pull', options.pull);
  text('networkmode', options.network === 'default' ? '' : options.network);
  text('platform', options.platform.join(','));
  json('allow', options.allow);
  for (const host of options['add-host']) query.append('extrahosts', parseExtraHost(host));
  for (const option of options['security-opt']) query.append('securityopt', option);
  number('shmsize', options['shm-size']);
  json('ulimits', options.ulimit.map(parseUlimit));
  number('memory', options.memory);
  number('memswap', options['memory-swap']);
  number('cpushares', options['cpu-shares']);
  number('cpuperiod', options['cpu-period']);
  number('cpuquota', options['cpu-quota']);
  text('cpusetcpus', options['cpuset-cpus']);
  text('cpusetmems', options['cpuset-mems']);
  text('cgroupparent', options['cgroup-parent']);
  text('isolation', options.isolation);
  number('steptimeout', Math.ceil(options['step-timeout'] / 1e6));
  flag('squash', options.squash);
  json('annotations', options.annotation);
  json('outputs', destinations.outputs);
  json('cacheto', destinations.cacheTo);
  json('cachefrom', destinations.cacheFrom);
  json('attests', destinations.attests);
  return query.toString();
}

/** As with BuildKit's clients, the environment's time is the build's, unless an argument says another. */
function withEpoch(found: Map<string, string>, env: Surroundings['env']): Map<string, string> {
  const epoch = env['SOURCE_DATE_EPOCH'];
  if (epoch && !found.has('SOURCE_DATE_EPOCH')) found.set('SOURCE_DATE_EPOCH', epoch);
  return found;
}
