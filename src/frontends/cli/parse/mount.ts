import { resolve } from 'node:path';
import { splitPair } from '../../../foundation/base/split-pair.ts';
import type { MountJson } from '../../../foundation/wire/docker/container-config.ts';
import { splitCsv } from './csv.ts';
import { parseBytes } from './size.ts';

const switches = new Set([
  'readonly',
  'ro',
  'volume-nocopy',
  'bind-nonrecursive',
  'bind-create-mountpoint',
  'bind-create-src',
  'create-host-path',
]);

/** Reads one `--mount` value: `type=bind,source=/a,target=/b,readonly`. */
export function parseMount(text: string, cwd = '/'): MountJson {
  const mount: MountJson = { Type: 'volume' };
  const groups = new Set<string>();
  for (const field of splitCsv(text)) {
    const [name, value] = splitPair(field);
    const key = name.toLowerCase();
    if (value === undefined && !switches.has(key))
      throw new Error(`invalid field '${field}' must be a key=value pair`);
    setField(mount, { key, value, field }, cwd);
    const group = /^(bind|volume|tmpfs|image)-/.exec(key)?.[1];
    if (group !== undefined) groups.add(group);
  }
  if (!mount.Type) throw new Error('type is required');
  if (!mount.Target) throw new Error('target is required');
  for (const group of ['volume', 'bind', 'tmpfs', 'image'])
    if (groups.has(group) && mount.Type !== group)
      throw new Error(`cannot mix '${group}-*' options with mount type '${mount.Type}'`);
  checkRecursive(mount);
  return mount;
}

interface Field {
  key: string;
  value: string | undefined;
  field: string;
}

function setField(mount: MountJson, field: Field, cwd: string): void {
  const value = field.value ?? '';
  switch (field.key) {
    case 'type':
      mount.Type = value.toLowerCase();
      return;
    case 'source':
    case 'src':
      mount.Source =
        value === '.' || value.startsWith('./') || value.startsWith('../') ? resolve(cwd, value) : value;
      return;
    case 'target':
    case 'dst':
    case 'destination':
      mount.Target = value;
      return;
    case 'readonly':
    case 'ro':
      mount.ReadOnly = boolField(field);
      return;
    case 'consistency':
      mount.Consistency = value.toLowerCase();
      return;
    default:
      setTypedField(mount, field, value);
  }
}

function setTypedField(mount: MountJson, field: Field, value: string): void {
  switch (field.key) {
    case 'bind-propagation':
      (mount.BindOptions ??= {}).Propagation = value.toLowerCase();
      return;
    case 'bind-nonrecursive':
      (mount.BindOptions ??= {}).NonRecursive = boolField(field);
      return;
    case 'bind-create-mountpoint':
    case 'bind-create-src':
    case 'create-host-path':
      (mount.BindOptions ??= {}).CreateMountpoint = boolField(field);
      return;
    case 'bind-recursive':
      setRecursive(mount, field, value);
      return;
    case 'volume-nocopy':
      (mount.VolumeOptions ??= {}).NoCopy = boolField(field);
      return;
    case 'volume-subpath':
      (mount.VolumeOptions ??= {}).Subpath = value;
      return;
    case 'volume-label': {
      const [name, label = ''] = splitPair(value);
      ((mount.VolumeOptions ??= {}).Labels ??= {})[name] = label;
      return;
    }
    case 'volume-driver':
      ((mount.VolumeOptions ??= {}).DriverConfig ??= {}).Name = value;
      return;
    case 'volume-opt': {
      const [name, option = ''] = splitPair(value);
      (((mount.VolumeOptions ??= {}).DriverConfig ??= {}).Options ??= {})[name] = option;
      return;
    }
    case 'image-subpath':
      (mount.ImageOptions ??= {}).Subpath = value;
      return;
    case 'tmpfs-size':
      (mount.TmpfsOptions ??= {}).SizeBytes = fieldValue(field, () => parseBytes(value));
      return;
    case 'tmpfs-mode':
      if (!/^[0-7]+$/.test(value)) throw new Error(`invalid value for ${field.key}: ${value}`);
      (mount.TmpfsOptions ??= {}).Mode = Number.parseInt(value, 8);
      return;
    case 'tmpfs-options':
      (mount.TmpfsOptions ??= {}).Options = value.split(',').map((word) => word.split('=', 2));
      return;
    default:
      throw new Error(`unexpected key '${field.key}' in '${field.field}'`);
  }
}

function boolField({ key, value }: Field): boolean {
  if (value === undefined || ['1', 't', 'T', 'true', 'TRUE', 'True'].includes(value)) return true;
  if (['0', 'f', 'F', 'false', 'FALSE', 'False'].includes(value)) return false;
  throw new Error(`invalid value for ${key}: ${value}`);
}

function fieldValue<T>({ key, value }: Field, read: () => T): T {
  try {
    return read();
  } catch (cause) {
    throw new Error(`invalid value for ${key}: ${value ?? ''}`, { cause });
  }
}

function setRecursive(mount: MountJson, { key }: Field, value: string): void {
  const options = (mount.BindOptions ??= {});
  switch (value) {
    case 'enabled':
      return;
    case 'disabled':
      options.NonRecursive = true;
      return;
    case 'writable':
      options.ReadOnlyNonRecursive = true;
      return;
    case 'readonly':
      options.ReadOnlyForceRecursive = true;
      return;
    default:
      throw new Error(
        `invalid value for ${key}: ${value} (must be "enabled", "disabled", "writable", or "readonly")`,
      );
  }
}

function checkRecursive(mount: MountJson): void {
  const options = mount.BindOptions;
  if (options?.ReadOnlyNonRecursive && !mount.ReadOnly)
    throw new Error("option 'bind-recursive=writable' requires 'readonly' to be specified in conjunction");
  if (!options?.ReadOnlyForceRecursive) return;
  if (!mount.ReadOnly)
    throw new Error("option 'bind-recursive=readonly' requires 'readonly' to be specified in conjunction");
  if (options.Propagation !== 'rprivate')
    throw new Error(
      "option 'bind-recursive=readonly' requires 'bind-propagation=rprivate' to be specified in conjunction",
    );
}
