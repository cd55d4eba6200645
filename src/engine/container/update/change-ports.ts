import { conflict, notFound } from '../../../foundation/base/errors.ts';
import type { ContainerConfig } from '../config.ts';
import type { PublishChange } from '../container.ts';
import { parsePort } from '../network/networking.ts';
import { usesNetwork } from '../network/places.ts';

type Ports = ContainerConfig['network']['ports'];
type Binding = Ports[string][number];

/** The configuration after ports were opened and closed. A closed one must be there; one that is opened twice stays once. Pure. */
export function changePublished(config: ContainerConfig, { add, remove }: PublishChange): ContainerConfig {
  if (!usesNetwork(config))
    throw conflict(`a container in network mode ${config.network.mode} publishes no ports`, {
      code: 'no-ports',
      hint: 'its ports are those of the namespace that it shares',
    });
  const ports: Ports = { ...config.network.ports };
  for (const [key, bindings] of Object.entries(remove))
    for (const binding of bindings) ports[key] = without(key, ports[key] ?? [], binding);
  for (const [key, bindings] of Object.entries(add)) {
    parsePort(key);
    for (const binding of bindings)
      if (!ports[key]?.some((known) => isSame(known, binding))) ports[key] = [...(ports[key] ?? []), binding];
  }
  const kept = Object.fromEntries(Object.entries(ports).filter(([, bindings]) => bindings.length > 0));
  return {
    ...config,
    exposedPorts: [...new Set([...config.exposedPorts, ...Object.keys(add)])],
    network: { ...config.network, ports: kept },
  };
}

/** A removal without a host port takes every one of the container port. */
function without(key: string, known: readonly Binding[], gone: Binding): Binding[] {
  const kept = known.filter((binding) =>
    gone.hostPort === '' && gone.hostAddress === '' ? false : !isSame(binding, gone),
  );
  if (kept.length === known.length)
    throw notFound(`port ${key} is not published${gone.hostPort === '' ? '' : ` as ${gone.hostPort}`}`, {
      code: 'port-not-published',
      hint: '`silo port NAME` shows what is published',
    });
  return kept;
}

function isSame(a: Binding, b: Binding): boolean {
  return a.hostAddress === b.hostAddress && a.hostPort === b.hostPort;
}
