import { conflict } from '../../../foundation/base/errors.ts';
import type {
  NamespaceChoice,
  NamespaceChoices,
  ShmChoice,
  SpecInput,
} from '../../../resources/spec/spec.ts';
import type { ContainerConfig } from '../config.ts';
import type { ContainerRecord } from '../container.ts';
import type { Context } from '../context.ts';
import { sharedMemoryOf, sharedMemoryPath, shmBytes } from '../mounts/shared-memory.ts';
import { isRunning } from '../state.ts';

/** Which namespaces the container has to itself, and whose it joins; Docker's texts for one that does not run. */
export function resolveNamespaces(context: Context, config: ContainerConfig): NamespaceChoices {
  const { namespaces, network } = config;
  const cgroup =
    namespaces.cgroup ||
    (context.settings.host.cgroupVersion === 2 && !config.security.privileged ? 'private' : 'host');
  return {
    pid: choose(context, namespaces.pid, 'pid'),
    network: choose(context, network.mode, 'net'),
    ipc: choose(context, namespaces.ipc, 'ipc'),
    uts: choose(context, namespaces.uts, 'uts'),
    cgroup: cgroup === 'host' ? 'host' : 'private',
  };
}

function choose(context: Context, mode: string, file: string): NamespaceChoice {
  if (mode === 'host') return 'host';
  const other = /^container:(.*)$/.exec(mode)?.[1];
  return other === undefined ? 'private' : { path: `/proc/${runningPid(context, other, file)}/ns/${file}` };
}

function runningPid(context: Context, nameOrId: string, file: string): number {
  const record = context.store.get(nameOrId);
  if (isRunning(record.state)) return record.state.pid;
  const message =
    file === 'net'
      ? `cannot join network of a non running container: ${record.id}`
      : `failed to join ${file.toUpperCase()} namespace: container ${record.id} is not running`;
  throw conflict(message, {
    code: 'not-running',
    hint: `start it first: silo start ${record.name}`,
  });
}

/** Who shares another's network has its names too, as Docker does: the files in /etc are the other's. */
export function hostNames(
  context: Context,
  config: ContainerConfig,
): Pick<SpecInput, 'hostname' | 'domainname'> {
  const other = /^container:(.*)$/.exec(config.network.mode)?.[1];
  const { hostname, domainname } = other === undefined ? config : context.store.get(other).config;
  return { hostname, ...(domainname ? { domainname } : {}) };
}

/** Where `/dev/shm` comes from. */
export function resolveShm(context: Context, { id, config }: ContainerRecord): ShmChoice {
  const { ipc } = config.namespaces;
  if (ipc === 'none') return 'none';
  if (ipc === 'host') return { bindPath: '/dev/shm' };
  const other = /^container:(.*)$/.exec(ipc)?.[1];
  if (other !== undefined) {
    runningPid(context, other, 'ipc');
    return { bindPath: sharedMemoryOf(context, context.store.get(other)) };
  }
  if (ipc === 'shareable') return { bindPath: sharedMemoryPath(context, id) };
  return { sizeBytes: shmBytes(config) };
}
