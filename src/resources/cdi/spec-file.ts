import { invalid } from '../../foundation/base/errors.ts';
import { type JsonObject, viewObject } from '../../foundation/oci/bounded-json.ts';
import { cdiKindPattern, cdiNamePattern } from '../../foundation/oci/cdi-name.ts';
import type { CdiDeviceNode, CdiEdits, CdiHook, CdiMount } from './cdi.ts';

/** One specification file, checked. */
export interface CdiFile {
  /** `vendor.com/class` */
  kind: string;
  edits: CdiEdits;
  devices: Map<string, CdiEdits>;
}

const versions = new Set(['0.3.0', '0.4.0', '0.5.0', '0.6.0', '0.7.0', '0.8.0', '1.0.0']);
const hookNames = ['prestart', 'createRuntime', 'createContainer', 'startContainer'] as const;
const limit = 1000;

/** Reads the value of a file. Kind `invalid` with the field that is wrong or not honoured. */
export function readCdiFile(value: unknown): CdiFile {
  const file = viewObject(value, 'CDI file');
  onlyKnown(file, ['cdiVersion', 'kind', 'annotations', 'devices', 'containerEdits']);
  const version = file.string('cdiVersion')?.replace(/^v/, '') ?? '';
  if (!versions.has(version))
    throw invalid(`cdiVersion "${version}" is not one of ${[...versions].join(', ')}`);
  const kind = file.string('kind') ?? '';
  if (!cdiKindPattern.test(kind)) throw invalid(`kind "${kind}" is not of the form vendor/class`);
  const devices = new Map<string, CdiEdits>();
  for (const device of file.objects('devices', limit) ?? []) {
    onlyKnown(device, ['name', 'annotations', 'containerEdits']);
    const name = device.string('name') ?? '';
    if (!cdiNamePattern.test(name)) throw invalid(`${device.where} has no valid name: "${name}"`);
    if (devices.has(name)) throw invalid(`device "${name}" is there twice`);
    devices.set(name, readEdits(device.object('containerEdits')));
  }
  if (devices.size === 0) throw invalid('no devices');
  return { kind, edits: readEdits(file.object('containerEdits')), devices };
}

function onlyKnown(object: JsonObject, known: readonly string[]): void {
  const other = object.names().find((name) => !known.includes(name) && object.has(name));
  if (other !== undefined) throw invalid(`${object.where}: field ${other} is not supported`);
}

function readEdits(edits: JsonObject | undefined): CdiEdits {
  if (edits) onlyKnown(edits, ['env', 'deviceNodes', 'mounts', 'hooks', 'additionalGids', 'additionalGIDs']);
  const env = edits?.strings('env', limit) ?? [];
  for (const entry of env)
    if (!/^[^=\0]+=[^\0]*$/.test(entry)) throw invalid(`env "${entry}" is not of the form NAME=value`);
  return {
    env,
    deviceNodes: (edits?.objects('deviceNodes', limit) ?? []).map(readDeviceNode),
    mounts: (edits?.objects('mounts', limit) ?? []).map(readMount),
    hooks: (edits?.objects('hooks', limit) ?? []).map(readHook),
    additionalGids: [...readGids(edits, 'additionalGids'), ...readGids(edits, 'additionalGIDs')],
  };
}

/** Group 0 is left out, as the reference implementation does: it says nothing in Go. */
function readGids(edits: JsonObject | undefined, key: string): number[] {
  const list = edits?.integers(key, limit) ?? [];
  for (const gid of list) if (gid < 0 || gid > 0xffffffff) throw invalid(`${key}: ${gid} is no group id`);
  return list.filter((gid) => gid !== 0);
}

function pathOf(object: JsonObject, key: string): string {
  const path = object.string(key) ?? '';
  if (!path.startsWith('/') || path.includes('\0'))
    throw invalid(`${object.where}.${key} must be an absolute path`);
  return path;
}

function readDeviceNode(node: JsonObject): CdiDeviceNode {
  onlyKnown(node, ['path', 'hostPath', 'type', 'major', 'minor', 'fileMode', 'permissions', 'uid', 'gid']);
  const path = pathOf(node, 'path');
  const type = node.string('type') || undefined;
  if (type !== undefined && type !== 'b' && type !== 'c' && type !== 'u')
    throw invalid(`${node.where}.type "${type}" is not supported`);
  const permissions = node.string('permissions') || 'rwm';
  if (!/^[rwm]{1,3}$/.test(permissions))
    throw invalid(`${node.where}.permissions "${permissions}" is not valid`);
  const numbers = Object.fromEntries(
    (['major', 'minor', 'fileMode', 'uid', 'gid'] as const).flatMap((key) => {
      const value = node.integer(key);
      if (value === undefined) return [];
      if (value < 0 || value > 0xffffffff) throw invalid(`${node.where}.${key} is out of range`);
      return [[key, value]];
    }),
  );
  return {
    path,
    hostPath: node.has('hostPath') ? pathOf(node, 'hostPath') : path,
    ...(type === undefined ? {} : { type: type === 'b' ? ('b' as const) : ('c' as const) }),
    permissions,
    ...numbers,
  };
}

function readMount(mount: JsonObject): CdiMount {
  onlyKnown(mount, ['hostPath', 'containerPath', 'options', 'type']);
  const type = mount.string('type') || undefined;
  const hostPath = mount.string('hostPath') ?? '';
  if (hostPath === '') throw invalid(`${mount.where}.hostPath is missing`);
  return {
    hostPath,
    containerPath: pathOf(mount, 'containerPath'),
    ...(type === undefined ? {} : { type }),
    options: mount.strings('options', limit) ?? [],
  };
}

function readHook(hook: JsonObject): CdiHook {
  onlyKnown(hook, ['hookName', 'path', 'args', 'env', 'timeout']);
  const given = hook.string('hookName') ?? '';
  const hookName = hookNames.find((name) => name === given);
  if (!hookName) throw invalid(`${hook.where}: hook "${given}" is not supported`);
  const args = hook.strings('args', limit);
  const env = hook.strings('env', limit);
  const timeout = hook.integer('timeout');
  return {
    hookName,
    path: pathOf(hook, 'path'),
    ...(args ? { args } : {}),
    ...(env ? { env } : {}),
    ...(timeout === undefined ? {} : { timeout }),
  };
}
