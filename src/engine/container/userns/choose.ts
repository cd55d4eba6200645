import { conflict } from '../../../foundation/base/errors.ts';
import type { IdMappings } from '../../../foundation/kernel/id-mapping.ts';
import type { ContainerConfig } from '../config.ts';
import type { ContainerRecord, ResolvedMount } from '../container.ts';
import type { Context } from '../context.ts';
import { isRunning } from '../state.ts';
import { idsPerContainer, parseUserNamespaceMode } from './mode.ts';

/** What a run gets. */
export type UserNamespaceChoice =
  /** The host's ids; `reason` ends the sentence "because …". */
  | { kind: 'host'; reason: string }
  | { kind: 'own'; keep?: { uid: number; gid: number } }
  /** Those of a running container, whose process has the number. */
  | { kind: 'joined'; mappings: IdMappings; pid: number };

/**
 * Capabilities that the kernel asks for in the first user namespace alone. Whoever adds one wants what it does there. SYS_BOOT is none of them: in a pid namespace
 * of the container's own it ends that (reboot(2)).
 */
const hostOnly = new Set(
  'ALL AUDIT_CONTROL AUDIT_READ BLOCK_SUSPEND BPF IPC_LOCK LINUX_IMMUTABLE MAC_ADMIN MAC_OVERRIDE PERFMON SYSLOG SYS_MODULE SYS_NICE SYS_PACCT SYS_RAWIO SYS_RESOURCE SYS_TIME SYS_TTY_CONFIG WAKE_ALARM'.split(
    ' ',
  ),
);

/** For a start that begins. Kind `conflict` when it is to join a container that does not run. */
export function chooseUserNamespace(
  context: Pick<Context, 'settings' | 'store' | 'idRanges'>,
  record: ContainerRecord,
): UserNamespaceChoice {
  const { config } = record;
  const mode = parseUserNamespaceMode(config.namespaces.user);
  if (mode.kind === 'host') return { kind: 'host', reason: 'it was asked for' };
  const { userNamespaces } = context.settings;
  if (mode.kind === 'default' && userNamespaces.mode === 'host')
    return { kind: 'host', reason: "it is the engine's default" };
  const reason = whyHost(config, record.mounts);
  if (reason !== undefined) return { kind: 'host', reason };
  const named = mode.kind === 'container' ? [joined(context, mode.of)] : [];
  // One that does not run is told of when its namespace is looked for.
  const [first, ...others] = [...named, ...donorsOf(context, config).map((of) => joined(context, of))];
  if (first) {
    const isSame = others.every((other) => sameIds(other, first));
    return isSame ? first : { kind: 'host', reason: 'it shares namespaces with containers of different ids' };
  }
  if (userNamespaces.unavailable !== undefined) return { kind: 'host', reason: userNamespaces.unavailable };
  return { kind: 'own', ...(mode.kind === 'keep-id' ? { keep: { uid: mode.uid, gid: mode.gid } } : {}) };
}

/** How a run's ids are told in its record. */
export function recordOf(choice: UserNamespaceChoice): NonNullable<ContainerRecord['userNamespace']> {
  return choice.kind === 'host' ? { kind: 'host', reason: choice.reason } : { kind: 'own' };
}

/** The same for a run that is found without its record: its processes tell whose ids it has, and the configuration why they are the host's. */
export function recordOfFound(
  context: Pick<Context, 'settings' | 'store' | 'idRanges'>,
  record: ContainerRecord,
): NonNullable<ContainerRecord['userNamespace']> {
  if (context.idRanges.of(record.id)) return { kind: 'own' };
  const unknown = { kind: 'host', reason: 'its start found that it could have no others' } as const;
  try {
    const choice = chooseUserNamespace(context, record);
    return choice.kind === 'host' ? recordOf(choice) : unknown;
  } catch {
    // The container whose ids it should have shared has ended since.
    return unknown;
  }
}

/** Why a container with this configuration cannot have ids of its own, whatever the engine's default; undefined when it can. Pure. */
export function whyHost(
  config: Pick<
    ContainerConfig,
    'security' | 'network' | 'namespaces' | 'devices' | 'deviceRequests' | 'deviceCgroupRules'
  >,
  mounts: readonly Pick<ResolvedMount, 'propagation'>[],
): string | undefined {
  const { security, network, namespaces } = config;
  if (security.privileged) return 'it is privileged';
  const shared = [
    ['network', network.mode],
    ['PID', namespaces.pid],
    ['IPC', namespaces.ipc],
    ['UTS', namespaces.uts],
  ].find(([, mode]) => mode === 'host');
  if (shared) return `it shares the ${shared[0]} namespace of the host`;
  if (config.devices.length > 0 || (config.deviceRequests?.length ?? 0) > 0)
    return 'it has devices of the host';
  if (config.deviceCgroupRules.length > 0) return 'it may make devices';
  const added = security.capAdd
    .map((name) => name.toUpperCase().replace(/^CAP_/, ''))
    .find((name) => hostOnly.has(name));
  if (added !== undefined) return `the capability ${added} means nothing without those of the host`;
  if (mounts.some(({ propagation }) => propagation.endsWith('shared')))
    return 'its mounts are to appear on the host';
  return undefined;
}

/** Tells whoever asked for ids of the container's own, and will not get them. */
export function userNamespaceWarnings(
  { settings }: Pick<Context, 'settings'>,
  { config, mounts }: Pick<ContainerRecord, 'config' | 'mounts'>,
): string[] {
  const { user } = config.namespaces;
  const { kind } = parseUserNamespaceMode(user);
  if (kind === 'default' || kind === 'host') return [];
  const reason = whyHost(config, mounts) ?? settings.userNamespaces.unavailable;
  return reason === undefined
    ? []
    : [`--userns=${user} is not possible, and the ids are the host's: ${reason}.`];
}

/**
 * Tells of files of the image that belong to nobody in the container. An image must not lower the wall by its owners alone, so that this is no reason for the
 * host's ids.
 */
export async function uncommonOwners(
  { settings, layers }: Pick<Context, 'settings' | 'layers'>,
  { config, mounts, layers: ids }: Pick<ContainerRecord, 'config' | 'mounts' | 'layers'>,
): Promise<string[]> {
  const { userNamespaces } = settings;
  const { kind } = parseUserNamespaceMode(config.namespaces.user);
  const isHost = kind === 'host' || (kind === 'default' && userNamespaces.mode === 'host');
  if (isHost || userNamespaces.unavailable !== undefined || whyHost(config, mounts) !== undefined) return [];
  const found = await Promise.all(ids.map((id) => layers.find(id)));
  const highest = Math.max(...found.map((layer) => layer?.highestId ?? 0), 0);
  if (highest < idsPerContainer) return [];
  return [
    `The image has files whose owners are above ${idsPerContainer - 1} (up to ${highest}): in the container they are nobody's and cannot be changed. --userns=host shows them as they are.`,
  ];
}

function donorsOf(
  { store }: Pick<Context, 'store'>,
  { network, namespaces }: Pick<ContainerConfig, 'network' | 'namespaces'>,
): string[] {
  const words = [network.mode, namespaces.pid, namespaces.ipc].flatMap(
    (mode) => /^container:(.*)$/.exec(mode)?.[1] ?? [],
  );
  return [...new Set(words)].filter((of) => isRunning(store.get(of).state));
}

function joined({ store, idRanges }: Pick<Context, 'store' | 'idRanges'>, of: string): UserNamespaceChoice {
  const { id, name, state } = store.get(of);
  if (!isRunning(state))
    throw conflict(`cannot join the user namespace of a non running container: ${id}`, {
      code: 'not-running',
      hint: `start it first: silo start ${name}`,
    });
  const mappings = idRanges.of(id);
  return mappings
    ? { kind: 'joined', mappings, pid: state.pid }
    : { kind: 'host', reason: `container ${name}, whose namespaces it shares, has them` };
}

function sameIds(one: UserNamespaceChoice, other: UserNamespaceChoice): boolean {
  const textOf = (choice: UserNamespaceChoice): string =>
    choice.kind === 'joined' ? JSON.stringify(choice.mappings) : choice.kind;
  return textOf(one) === textOf(other);
}
