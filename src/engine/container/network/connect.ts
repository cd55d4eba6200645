import { forbidden, isKind, toSiloError } from '../../../foundation/base/errors.ts';
import { faultPoint } from '../../../foundation/base/fault.ts';
import type { NetworkInfo } from '../../../resources/network/network.ts';
import type { EndpointRequest, NetworkRequest } from '../config.ts';
import type { ContainerNetworks, ContainerRecord } from '../container.ts';
import type { Context } from '../context.ts';
import { addToHostsFile, removeFromHostsFile, switchToResolver } from './etc-files.ts';
import { checkHasPlaces, checkPlace } from './check-place.ts';
import { publishNetwork, reserveEndpoint } from './networking.ts';
import { bareNetwork, findNetwork, isNamed, liveOn, usesNetwork } from './places.ts';
import { isRunning } from '../state.ts';

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
      if (network.name === 'none' && isNowhere(record)) return joinNone(context, record, network);
      checkJoinable(record, network);
      checkPlace(network.name, network, request);
      if (keyOn(context, record, network) !== undefined)
        throw forbidden(`endpoint with name ${record.name} already exists in network ${network.name}`, {
          code: 'already-connected',
        });
      const { endpoints } = record.config.network;
      const joined = setEndpoints(context, record, {
        ...endpoints,
        [network.name]: { ...request, joinedAtMs: context.now() },
      });
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
    const found = findContainer(context, nameOrId, force);
    if (!found) return;
    await context.locks.run(found.id, async () => {
      const record = context.store.get(found.id);
      const { name, network } = leavable(context, record, networkName);
      if (isRunning(record.state) && record.config.network.mode === 'host')
        throw forbidden('container cannot be disconnected from host network or connected to host network', {
          code: 'host-network',
        });
      if (network && network.id === bareNetwork(context, record.config)?.id)
        return leaveBare(context, record, network);
      const key = usesNetwork(record.config)
        ? Object.keys(record.config.network.endpoints).find((word) => isOn(context, word, { name, network }))
        : undefined;
      if (key === undefined) throw notConnected(record, name);
      const { [key]: _left, ...others } = record.config.network.endpoints;
      const endpoint = liveOn(context.endpoints.find(record.id), key);
      const changed = setEndpoints(context, record, others);
      faultPoint('container.disconnect.recorded');
      if (isRunning(changed.state) && endpoint) {
        const { networkId } = endpoint;
        await context.endpoints.detach({ containerId: record.id, networkId, pid: changed.state.pid });
        await removeFromHostsFile(context, record, endpoint);
      }
      if (network) publishNetwork(context, 'disconnect', network, record.id);
    });
  };

/** A container that does not run may leave a network that is gone. */
function leavable(
  context: Context,
  { state }: ContainerRecord,
  networkName: string,
): { name: string; network?: NetworkInfo } {
  try {
    const network = context.networks.get(networkName);
    return { name: network.name, network };
  } catch (error) {
    if (isRunning(state) || !isKind(error, 'not-found')) throw error;
    return { name: networkName };
  }
}

const isOn = (
  context: Context,
  key: string,
  { name, network }: { name: string; network: NetworkInfo | undefined },
): boolean => (network ? findNetwork(context, key)?.id === network.id : key === name);

function notConnected({ id, state }: ContainerRecord, network: string): Error {
  const which = isRunning(state) ? 'network' : 'the network';
  return forbidden(`container ${id} is not connected to ${which} ${network}`, { code: 'not-connected' });
}

/** It left `none` and joined nothing since. */
function isNowhere({ config }: ContainerRecord): boolean {
  const { mode, leftNone, endpoints } = config.network;
  return mode === 'none' && leftNone === true && Object.keys(endpoints).length === 0;
}

/** `none` has no interface: membership is a word in the record. */
function joinNone(context: Context, record: ContainerRecord, network: NetworkInfo): void {
  setNetwork(context, record, { leftNone: false });
  if (isRunning(record.state)) publishNetwork(context, 'connect', network, record.id);
}

function leaveBare(context: Context, record: ContainerRecord, network: NetworkInfo): void {
  if (network.name !== 'none') throw notConnected(record, network.name);
  setNetwork(context, record, { leftNone: true });
  publishNetwork(context, 'disconnect', network, record.id);
}

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
    if (!wanted.some(([key]) => isNamed(key, { id: networkId, name: networkName })))
      await context.endpoints.detach({ containerId: record.id, networkId, pid });
  for (const [key, request] of wanted) {
    if (liveOn(live, key)) continue;
    const network = findNetwork(context, key);
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
  if (isRunning(record.state)) checkHasPlaces(network);
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
  if (!usesNetwork(record.config) || network.name === 'none')
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
  context: Pick<Context, 'networks'>,
  record: ContainerRecord,
  network: NetworkInfo,
): string | undefined {
  return Object.keys(record.config.network.endpoints).find(
    (key) => findNetwork(context, key)?.id === network.id,
  );
}

function setEndpoints(
  context: Context,
  record: ContainerRecord,
  endpoints: Record<string, EndpointRequest>,
): ContainerRecord {
  return setNetwork(context, record, { endpoints });
}

function setNetwork(
  context: Context,
  { id, config }: ContainerRecord,
  change: Partial<NetworkRequest>,
): ContainerRecord {
  return context.store.update(id, { config: { ...config, network: { ...config.network, ...change } } });
}
