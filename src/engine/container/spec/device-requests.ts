import { internal, toSiloError } from '../../../foundation/base/errors.ts';
import type { HookName, RuntimeSpec, SpecHook } from '../../../foundation/oci/runtime-spec.ts';
import type { CdiDevices, CdiEdits, CdiMount } from '../../../resources/cdi/cdi.ts';
import type { DeviceInput, MountInput } from '../../../resources/spec/spec.ts';
import type { ContainerConfig, DeviceRequest } from '../config.ts';
import { toDevice } from './host-devices.ts';

/** What the requested devices change of a run; empty without requests. */
export interface DeviceEdits {
  env: string[];
  devices: DeviceInput[];
  mounts: MountInput[];
  hooks?: NonNullable<RuntimeSpec['hooks']>;
  groups: number[];
}

/** Looks the requests up as they are now, at each start. Docker's texts when a driver or a device is not there. */
export async function resolveDeviceRequests(
  cdi: Pick<CdiDevices, 'resolve'>,
  { deviceRequests = [] }: Pick<ContainerConfig, 'deviceRequests'>,
): Promise<DeviceEdits> {
  const other = deviceRequests.find(({ driver }) => driver !== 'cdi');
  if (other) throw noDriver(other);
  if (deviceRequests.length === 0) return { env: [], devices: [], mounts: [], groups: [] };
  const edits = await resolve(
    cdi,
    deviceRequests.flatMap(({ ids }) => ids),
  );
  return {
    env: edits.env,
    devices: edits.deviceNodes.map(toDeviceInput),
    mounts: edits.mounts.map(toMountInput),
    ...(edits.hooks.length > 0 ? { hooks: toHooks(edits) } : {}),
    groups: edits.additionalGids,
  };
}

function noDriver({ driver, capabilities = [] }: DeviceRequest): Error {
  const words = capabilities.map((list) => `[${list.join(' ')}]`).join(' ');
  return internal(`could not select device driver ${JSON.stringify(driver)} with capabilities: [${words}]`, {
    code: 'no-device-driver',
    hint: 'devices are given by CDI: --device vendor.com/class=name, with a file in /etc/cdi',
  });
}

async function resolve(cdi: Pick<CdiDevices, 'resolve'>, names: string[]): Promise<CdiEdits> {
  try {
    return await cdi.resolve(names);
  } catch (cause) {
    const { message, code, hint } = toSiloError(cause);
    throw internal(`CDI device injection failed: ${message}`, { code, cause, ...(hint ? { hint } : {}) });
  }
}

/** What the file does not say is as on the host; a file that says all makes a node for which the host needs none. */
function toDeviceInput(node: CdiEdits['deviceNodes'][number]): DeviceInput {
  const { path, hostPath, permissions } = node;
  const found = toDevice(hostPath, path, permissions);
  const { type = found?.type, major = found?.major, minor = found?.minor } = node;
  if (type === undefined || major === undefined || minor === undefined)
    throw internal(
      `CDI device injection failed: failed to stat CDI host device ${JSON.stringify(hostPath)}: no such device`,
      {
        code: 'no-such-device',
      },
    );
  return {
    hostPath,
    containerPath: path,
    type,
    major,
    minor,
    fileMode: node.fileMode ?? found?.fileMode ?? 0o666,
    uid: node.uid ?? found?.uid ?? 0,
    gid: node.gid ?? found?.gid ?? 0,
    permissions,
  };
}

function toMountInput({ hostPath, containerPath, type, options }: CdiMount): MountInput {
  const isBind = type === undefined || type === 'bind';
  const binds = options.some((option) => option === 'bind' || option === 'rbind');
  return {
    type: 'given',
    destination: containerPath,
    mount: {
      destination: containerPath,
      source: hostPath,
      type: type ?? 'bind',
      options: isBind && !binds ? ['rbind', ...options] : options,
    },
  };
}

function toHooks({ hooks }: CdiEdits): Partial<Record<HookName, SpecHook[]>> {
  const byName = Map.groupBy(hooks, ({ hookName }) => hookName);
  return Object.fromEntries(
    Array.from(byName, ([name, list]) => [name, list.map(({ hookName: _name, ...hook }): SpecHook => hook)]),
  );
}
