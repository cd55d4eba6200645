import { type SiloError, invalid } from '../../../foundation/base/errors.ts';
import type { MountJson } from '../../../foundation/wire/docker/container-config.ts';
import type { MountRequest } from '../../../engine/container/config.ts';
import { defined, refuseUnless } from './refuse.ts';

const propagations = ['', 'private', 'rprivate', 'shared', 'rshared', 'slave', 'rslave'];
/** Options by the one type that may carry them. */
const optionsOf = {
  bind: 'BindOptions',
  volume: 'VolumeOptions',
  tmpfs: 'TmpfsOptions',
} as const;

/** One entry of `HostConfig.Mounts`, checked as Docker does. `Consistency` is a hint for other systems and means nothing on Linux. */
export function toMountRequest(json: MountJson): MountRequest {
  const { Type = '', Source = '', Target = '' } = json;
  if (Type === 'image' || Type === 'cluster' || Type === 'npipe')
    refuseUnless(false, `HostConfig.Mounts of type "${Type}"`);
  if (Type !== 'bind' && Type !== 'volume' && Type !== 'tmpfs') throw wrong(Type, 'mount type unknown');
  for (const [type, field] of Object.entries(optionsOf))
    if (type !== Type && json[field])
      throw invalid(`${field} must not be specified on mount type "${Type}"`, { code: 'invalid-mount' });
  if (Target === '') throw wrong(Type, 'field Target must not be empty');
  if (!Target.startsWith('/'))
    throw wrong(Type, `invalid mount path: '${Target}' mount path must be absolute`);
  if (Type === 'bind' && Source === '') throw wrong(Type, 'field Source must not be empty');
  if (Type === 'tmpfs' && Source !== '') throw wrong(Type, 'field Source must not be specified');
  refuseParts(json);
  const propagation = json.BindOptions?.Propagation ?? '';
  if (!propagations.includes(propagation)) throw wrong(Type, `invalid propagation mode: ${propagation}`);
  return defined<MountRequest>({
    type: Type,
    source: Source,
    target: Target,
    readOnly: json.ReadOnly ?? false,
    propagation: propagation || undefined,
    createMountpoint: json.BindOptions?.CreateMountpoint || undefined,
    noCopy: json.VolumeOptions?.NoCopy || undefined,
    labels: json.VolumeOptions?.Labels ?? undefined,
    tmpfsSizeBytes: json.TmpfsOptions?.SizeBytes || undefined,
    tmpfsMode: json.TmpfsOptions?.Mode || undefined,
  });
}

function refuseParts({ BindOptions, VolumeOptions, TmpfsOptions }: MountJson): void {
  refuseUnless(!BindOptions?.NonRecursive, 'HostConfig.Mounts.BindOptions.NonRecursive');
  refuseUnless(!BindOptions?.ReadOnlyNonRecursive, 'HostConfig.Mounts.BindOptions.ReadOnlyNonRecursive');
  refuseUnless(!BindOptions?.ReadOnlyForceRecursive, 'HostConfig.Mounts.BindOptions.ReadOnlyForceRecursive');
  refuseUnless(!VolumeOptions?.Subpath, 'HostConfig.Mounts.VolumeOptions.Subpath');
  const driver = VolumeOptions?.DriverConfig;
  refuseUnless(
    ['', 'local'].includes(driver?.Name ?? '') && Object.keys(driver?.Options ?? {}).length === 0,
    'HostConfig.Mounts.VolumeOptions.DriverConfig',
    'volumes are of the local driver, without options',
  );
  refuseUnless(!TmpfsOptions?.Options?.length, 'HostConfig.Mounts.TmpfsOptions.Options');
}

/** The reverse, for inspect. */
export function fromMountRequest(mount: MountRequest): MountJson {
  const bind = defined<NonNullable<NonNullable<MountJson['BindOptions']>>>({
    Propagation: mount.propagation,
    CreateMountpoint: mount.createMountpoint,
  });
  const volume = defined<NonNullable<MountJson['VolumeOptions']>>({
    NoCopy: mount.noCopy,
    Labels: mount.labels,
  });
  const tmpfs = defined<NonNullable<MountJson['TmpfsOptions']>>({
    SizeBytes: mount.tmpfsSizeBytes,
    Mode: mount.tmpfsMode,
  });
  const unlessEmpty = <T extends object>(value: T): T | undefined =>
    Object.keys(value).length === 0 ? undefined : value;
  return defined<MountJson>({
    Type: mount.type,
    Source: mount.source || undefined,
    Target: mount.target,
    ReadOnly: mount.readOnly || undefined,
    BindOptions: unlessEmpty(bind),
    VolumeOptions: unlessEmpty(volume),
    TmpfsOptions: unlessEmpty(tmpfs),
  });
}

function wrong(type: string, why: string): SiloError {
  return invalid(`invalid mount config for type "${type}": ${why}`, { code: 'invalid-mount' });
}
