import { posix } from 'node:path';
import { type SiloError, invalid } from '../../../foundation/base/errors.ts';
import type { MountJson } from '../../../foundation/wire/docker/container-config.ts';
import type { MountRequest } from '../../../engine/container/config.ts';
import { defined, isEmpty } from './refuse.ts';

const propagations = ['', 'private', 'rprivate', 'shared', 'rshared', 'slave', 'rslave'];
/** Options by the one type that may carry them. */
const optionsOf = {
  bind: 'BindOptions',
  volume: 'VolumeOptions',
  tmpfs: 'TmpfsOptions',
  image: 'ImageOptions',
} as const;
const types = ['bind', 'volume', 'tmpfs', 'image'] as const;

/** One entry of `HostConfig.Mounts`, checked as Docker does. `Consistency` is a hint for other systems and means nothing on Linux. */
export function toMountRequest(json: MountJson): MountRequest {
  const { Type = '', Source = '', Target = '' } = json;
  const type = types.find((known) => known === Type);
  if (!type) throw wrong(Type, 'mount type unknown');
  for (const [other, field] of Object.entries(optionsOf))
    if (other !== Type && json[field])
      throw invalid(`${field} must not be specified on mount type "${Type}"`, { code: 'invalid-mount' });
  if (Target === '') throw wrong(Type, 'field Target must not be empty');
  if (!Target.startsWith('/'))
    throw wrong(Type, `invalid mount path: '${Target}' mount path must be absolute`);
  if ((type === 'bind' || type === 'image') && Source === '')
    throw wrong(Type, 'field Source must not be empty');
  if (type === 'tmpfs' && Source !== '') throw wrong(Type, 'field Source must not be specified');
  checkBind(json);
  checkSubpath(json);
  const { BindOptions: bind, VolumeOptions: volume, TmpfsOptions: tmpfs } = json;
  checkTmpfs(tmpfs?.Options ?? []);
  const driver = volume?.DriverConfig;
  return defined<MountRequest>({
    type,
    source: Source,
    target: Target,
    readOnly: json.ReadOnly ?? false,
    consistency: json.Consistency || undefined,
    propagation: bind?.Propagation || undefined,
    createMountpoint: bind?.CreateMountpoint || undefined,
    nonRecursive: bind?.NonRecursive || undefined,
    readOnlyNonRecursive: bind?.ReadOnlyNonRecursive || undefined,
    readOnlyForceRecursive: bind?.ReadOnlyForceRecursive || undefined,
    noCopy: volume?.NoCopy || undefined,
    labels: volume?.Labels ?? undefined,
    driverName: driver?.Name || undefined,
    driverOptions: isEmpty(driver?.Options) ? undefined : (driver?.Options ?? undefined),
    subpath: volume?.Subpath || json.ImageOptions?.Subpath || undefined,
    tmpfsSizeBytes: tmpfs?.SizeBytes || undefined,
    tmpfsMode: tmpfs?.Mode || undefined,
    tmpfsOptions: tmpfs?.Options?.length ? tmpfs.Options : undefined,
  });
}

function checkBind({ Type = '', BindOptions }: MountJson): void {
  const propagation = BindOptions?.Propagation ?? '';
  if (!propagations.includes(propagation)) throw wrong(Type, `invalid propagation mode: ${propagation}`);
  if (BindOptions?.ReadOnlyNonRecursive && BindOptions.ReadOnlyForceRecursive)
    throw invalid('mount options conflict: ReadOnlyNonRecursive && ReadOnlyForceRecursive', {
      code: 'invalid-mount',
    });
}

/** Resolved inside when the container starts; what cannot be inside is refused at once. */
function checkSubpath({ Type = '', Source = '', ReadOnly, VolumeOptions, ImageOptions }: MountJson): void {
  const subpath = VolumeOptions?.Subpath || ImageOptions?.Subpath || '';
  const normal = posix.normalize(subpath);
  if (subpath !== '' && (subpath.startsWith('/') || normal === '..' || normal.startsWith('../')))
    throw wrong(Type, 'subpath must be a relative path within the volume');
  if (Type !== 'volume' || Source !== '') return;
  if (subpath !== '') throw wrong(Type, 'must not set Subpath when using anonymous volumes');
  if (ReadOnly) throw wrong(Type, 'must not set ReadOnly mode when using anonymous volumes');
}

const tmpfsFlags = /^(no)?(exec|suid|dev|atime|diratime|relatime|swap)$/;
const tmpfsNames = /^(uid|gid|nr_inodes|nr_blocks|mpol|huge)$/;

function checkTmpfs(options: readonly string[][]): void {
  for (const words of options) {
    const [name = '', value] = words;
    if (words.length < 1 || words.length > 2) throw wrong('tmpfs', 'invalid option array length');
    const isKnown =
      value === undefined ? tmpfsFlags.test(name) : tmpfsNames.test(name) && /^[\w.%:@-]*$/.test(value);
    if (!isKnown) throw wrong('tmpfs', `invalid option: ${name.slice(0, 80)}`);
  }
}

/** The reverse, for inspect. */
export function fromMountRequest(mount: MountRequest): MountJson {
  const bind = defined<NonNullable<NonNullable<MountJson['BindOptions']>>>({
    Propagation: mount.propagation,
    NonRecursive: mount.nonRecursive,
    CreateMountpoint: mount.createMountpoint,
    ReadOnlyNonRecursive: mount.readOnlyNonRecursive,
    ReadOnlyForceRecursive: mount.readOnlyForceRecursive,
  });
  const driver = defined<NonNullable<NonNullable<MountJson['VolumeOptions']>['DriverConfig']>>({
    Name: mount.driverName,
    Options: mount.driverOptions,
  });
  const volume = defined<NonNullable<MountJson['VolumeOptions']>>({
    NoCopy: mount.noCopy,
    Labels: mount.labels,
    Subpath: mount.type === 'volume' ? mount.subpath : undefined,
    DriverConfig: unlessEmpty(driver),
  });
  const tmpfs = defined<NonNullable<MountJson['TmpfsOptions']>>({
    SizeBytes: mount.tmpfsSizeBytes,
    Mode: mount.tmpfsMode,
    Options: mount.tmpfsOptions,
  });
  return defined<MountJson>({
    Type: mount.type,
    Source: mount.source || undefined,
    Target: mount.target,
    ReadOnly: mount.readOnly || undefined,
    Consistency: mount.consistency,
    BindOptions: unlessEmpty(bind),
    VolumeOptions: unlessEmpty(volume),
    ImageOptions: mount.type === 'image' && mount.subpath ? { Subpath: mount.subpath } : undefined,
    TmpfsOptions: unlessEmpty(tmpfs),
  });
}

const unlessEmpty = <T extends object>(value: T): T | undefined =>
  Object.keys(value).length === 0 ? undefined : value;

function wrong(type: string, why: string): SiloError {
  return invalid(`invalid mount config for type "${type}": ${why}`, { code: 'invalid-mount' });
}
