import { forbidden, isKind, toSiloError } from '../../foundation/base/errors.ts';
import { faultPoint } from '../../foundation/base/fault.ts';
import type { NetworkInfo } from '../../resources/network/network.ts';
import type { EndpointRequest } from './config.ts';
import type { ContainerNetworks, ContainerRecord } from './container.ts';
import type { Context } from './context.ts';
import { addToHostsFile, removeFromHostsFile, switchToResolver } from './etc-files.ts';
import { publishNetwork, reserveEndpoint, usesNetwork } from './networking.ts';
import { isRunning } from './state.ts';

/**
 * The record first, then the interface: after a crash in between the next start of the container makes it true. A failure takes the record's change
 * back.
 */
export const createConnect =
  (context: Context): ContainerNetworks['connect'] =>
  async (networkName, nameOrId, request) => {
    const network = context.networks.get(networkName);
    const { id } = context.store.get(nameOrId);
    await context.locks.run(id, async () => {
      const record = context.store.get(id);
      checkJoinable(record, network);
      if (keyOn(context, record, network) !== undefined)
        throw forbidden(`endpoint with name ${record.name} already exists in network ${network.name}`, {
          code: 'already-connected',
        });
      const { endpoints } = record.config.network;
      const joined = setEndpoints(context, record, { ...endpoints, [network.name]: request });
      faultPoint('container.connect.recorded');
      if (!isRunning(joined.state)) return;
      try {
        await join(context, joined, { network, request, pid: joined.state.pid });
        await switchToResolver(context, record, joined);
      } catch (error) {
        setEndpoints(context, context.store.get(id), endpoints);
        throw error;
      }
    });
  };

export const createDisconnect =
  (context: Context): ContainerNetworks['disconnect'] =>
  async (networkName, nameOrId, { force }) => {
    const network = context.networks.get(networkName);
    const found = findContainer(context, nameOrId, force);
    if (!found) return;
    await context.locks.run(found.id, async () => {
      const record = context.store.get(found.id);
      if (record.config.network.mode === 'host')
        throw forbidden('container cannot be disconnected from host network or connected to host network', {
          code: 'host-network',
        });
      const key = keyOn(context, record, network);
      if (key === undefined)
        throw forbidden(`container ${record.id} is not connected to network ${network.name}`, {
          code: 'not-connected',
        });
      const { [key]: _left, ...others } = record.config.network.endpoints;
      const endpoint = context.endpoints.find(record.id).find(({ networkId }) => networkId === network.id);
      const changed = setEndpoints(context, record, others);
      faultPoint('container.disconnect.recorded');
      if (!isRunning(changed.state) || !endpoint) return;
      await context.endpoints.detach({
        containerId: record.id,
        networkId: network.id,
        pid: changed.state.pid,
      });
      await removeFromHostsFile(context, record, endpoint);
      publishNetwork(context, 'disconnect', network, record.id);
    });
  };

async function join(
  context: Context,
  record: ContainerRecord,
  place: { network: NetworkInfo; request: EndpointRequest; pid: number },
): Promise<void> {
  const { network, request, pid } = place;
  const endpoint = await reserveEndpoint(context, record, network, request);
  try {
    await context.endpoints.attach(endpoint, pid);
  } catch (error) {
    await context.endpoints
      .detach({ containerId: record.id, networkId: network.id, pid })
      .catch((failure: unknown) =>
        context.log.warn(
          `leaving network ${network.name} with container ${record.id}: ${toSiloError(failure).message}`,
        ),
      );
    throw error;
  }
  faultPoint('container.connect.attached');
  await addToHostsFile(context, record, endpoint);
  publishNetwork(context, 'connect', network, record.id);
}

/** After a crash between the record of a connect or disconnect and the interface: the record is what holds. */
export async function reconcilePlaces(context: Context, record: ContainerRecord): Promise<void> {
  if (!isRunning(record.state) || !usesNetwork(record.config)) return;
  const { pid } = record.state;
  const live = context.endpoints.find(record.id);
  const wanted = Object.entries(record.config.network.endpoints);
  for (const { networkId, networkName } of live)
    if (!wanted.some(([key]) => key === networkName || key === networkId))
      await context.endpoints.detach({ containerId: record.id, networkId, pid });
  for (const [key, request] of wanted) {
    if (live.some(({ networkName, networkId }) => key === networkName || key === networkId)) continue;
    const network = context.networks.list().find(({ name, id }) => name === key || id === key);
    if (network) await join(context, record, { network, request, pid });
  }
}

function findContainer(context: Context, nameOrId: string, force: boolean): ContainerRecord | undefined {
  try {
    return context.store.get(nameOrId);
  } catch (error) {
    if (force && isKind(error, 'not-found')) return undefined;
    throw error;
  }
}

function checkJoinable(record: ContainerRecord, network: NetworkInfo): void {
  const { mode } = record.config.network;
  if (network.driver === 'host')
    throw forbidden('container cannot be disconnected from host network or connected to host network', {
      code: 'host-network',
      hint: 'create the container with --network host',
    });
  if (mode === 'host' || mode.startsWith('container:'))
    throw forbidden(
      'container sharing network namespace with another container or host cannot be connected to any other network',
      { code: 'shared-namespace' },
    );
  if (mode === 'none' || network.driver === 'null')
    throw forbidden(
      'container cannot be connected to multiple networks with one of the networks in private (none) mode',
      {
        code: 'none-network',
        hint: 'create the container on a network',
      },
    );
}

/** The word by which the container's record knows the network. */
function keyOn(
  { networks }: Pick<Context, 'networks'>,
  { config }: ContainerRecord,
  network: NetworkInfo,
): string | undefined {
  if (!usesNetwork(config)) return undefined;
  const all = networks.list();
  return Object.keys(config.network.endpoints).find(
    (key) => all.find(({ name, id }) => name === key || id === key)?.id === network.id,
  );
}

function setEndpoints(
  context: Context,
  record: ContainerRecord,
  endpoints: Record<string, EndpointRequest>,
): ContainerRecord {
  const { config } = record;
  return context.store.update(record.id, {
    config: { ...config, network: { ...config.network, endpoints } },
  });
}
