import { invalid, unsupported } from '../../foundation/base/errors.ts';
import type { MountAttributes } from '../../foundation/kernel/mount.ts';
import type { FilesystemOptions } from '../../foundation/kernel/mount.ts';

/** What the options of a volume come to, exactly as the kernel is asked. Names of servers are still to be resolved: `resolve`. */
export type MountCall =
  | { kind: 'bind'; source: string; recursive: boolean; attributes: MountAttributes }
  | {
      kind: 'filesystem';
      type: string;
      options: FilesystemOptions;
      attributes: MountAttributes;
      /** An option that wants an address: what it is called, and the name that stands there. */
      resolve?: { option: 'addr' | 'ip'; host: string };
    }
  /** By the program of the file system, `mount.fuse`: it stays and serves. */
  | { kind: 'fuse'; type: string; source: string; options: string };

const known = new Set(['type', 'o', 'device', 'size']);
/** As Docker demands. */
const needed: Record<string, readonly string[]> = {
  device: ['type'],
  type: ['device'],
  o: ['device', 'type'],
};

/** Docker's checks and texts; also everything that a mount would find wrong without asking the kernel. */
export function checkDriverOptions(options: Readonly<Record<string, string>>): void {
  for (const name of Object.keys(options))
    if (!known.has(name)) throw wrong(`invalid option: ${JSON.stringify(name.slice(0, 80))}`);
  if (options.type === 'cifs' && hasPort(options.device ?? ''))
    throw wrong(`port not allowed in CIFS device URL, include 'port' in 'o='`);
  if (options.size !== undefined) throw wrong('quota size requested but no quota support');
  for (const [name, others] of Object.entries(needed)) {
    if (options[name] === undefined) continue;
    for (const other of others)
      if (options[other] === undefined) throw wrong(`missing required option: ${JSON.stringify(other)}`);
  }
  if (options.type !== undefined) toMountCall(options);
}

const hasPort = (device: string): boolean => /^\/\/[^/]*:\d+(\/|$)/.test(device);

/** Words of mount(8) that are attributes of the mount, see mount_setattr(2); `undefined` takes the attribute back. */
const attributeWords: Readonly<Record<string, [keyof MountAttributes, boolean]>> = {
  ro: ['readOnly', true],
  rw: ['readOnly', false],
  nosuid: ['noSuid', true],
  suid: ['noSuid', false],
  nodev: ['noDev', true],
  dev: ['noDev', false],
  noexec: ['noExec', true],
  exec: ['noExec', false],
  nosymfollow: ['noSymlinkFollow', true],
  symfollow: ['noSymlinkFollow', false],
  noatime: ['noAtime', true],
  atime: ['noAtime', false],
  relatime: ['noAtime', false],
  strictatime: ['strictAtime', true],
  nodiratime: ['noDirAtime', true],
  diratime: ['noDirAtime', false],
};
/** That say what is so anyway. */
const emptyWords = new Set(['', 'defaults', 'async', 'loud', 'nolazytime', 'private', 'rprivate']);
/** Of the file system; the rest goes to it as it is. */
const refusedWords = new Set([
  'remount',
  'shared',
  'rshared',
  'slave',
  'rslave',
  'unbindable',
  'runbindable',
]);

/** A pure function from `type=`, `o=` and `device=`. */
export function toMountCall(options: Readonly<Record<string, string>>): MountCall {
  const { type = '', o = '', device = '' } = options;
  if (/[\0\n]/.test(type + o + device)) throw wrong('volume options may not hold control characters');
  if (type.startsWith('fuse.') && type.length > 'fuse.'.length)
    return { kind: 'fuse', type: type.slice('fuse.'.length), source: device, options: o };
  const attributes: MountAttributes = {};
  const parameters: Record<string, string | true> = {};
  let bind: { recursive: boolean } | undefined;
  for (const word of o.split(',')) {
    const equals = word.indexOf('=');
    const attribute = Object.hasOwn(attributeWords, word) ? attributeWords[word] : undefined;
    if (word === 'bind' || word === 'rbind') bind = { recursive: word === 'rbind' };
    else if (attribute) attributes[attribute[0]] = attribute[1];
    else if (refusedWords.has(word))
      throw unsupported(`volume option "o=${word}" is not supported by the local driver`, {
        code: 'volume-option',
        hint: 'propagation is chosen where the volume is mounted, for binds: bind-propagation',
      });
    else if (!emptyWords.has(word))
      parameters[equals < 0 ? word : word.slice(0, equals)] = equals < 0 ? true : word.slice(equals + 1);
  }
  for (const [name, isSet] of Object.entries(attributes))
    if (!isSet) delete attributes[name as keyof MountAttributes];
  if (bind) {
    const [left] = Object.keys(parameters);
    if (left !== undefined)
      throw wrong(`option ${JSON.stringify(left)} means nothing for a bind`, 'remove it, or "bind"');
    if (!device.startsWith('/'))
      throw wrong(`device of a bind must be an absolute path, not ${JSON.stringify(device)}`);
    return { kind: 'bind', source: device, ...bind, attributes };
  }
  if (!/^[\w.-]+$/.test(type)) throw wrong(`invalid file system type ${JSON.stringify(type.slice(0, 80))}`);
  const filesystem = {
    kind: 'filesystem' as const,
    type,
    options: { source: device, ...parameters, ...(attributes.readOnly ? { ro: true as const } : {}) },
    attributes,
  };
  const host = serverOf(type, device, parameters);
  return host === undefined ? filesystem : { ...filesystem, resolve: host };
}

/** The kernel wants an address where people write a name. */
function serverOf(
  type: string,
  device: string,
  parameters: Record<string, string | true>,
): { option: 'addr' | 'ip'; host: string } | undefined {
  if (type !== 'nfs' && type !== 'nfs4' && type !== 'cifs' && type !== 'smb3') return undefined;
  const isNfs = type.startsWith('nfs');
  const given = parameters.addr ?? (isNfs ? undefined : parameters.ip);
  const fromDevice = isNfs
    ? /^(\[[^\]]+\]|[^/:]+):/.exec(device)?.[1]
    : /^(?:\/\/|\\\\)([^/\\]+)/.exec(device)?.[1];
  const host = typeof given === 'string' ? given : fromDevice?.replace(/^\[(.*)\]$/, '$1');
  if (host === undefined || host === '') return undefined;
  return { option: isNfs || parameters.addr !== undefined ? 'addr' : 'ip', host };
}

/** For messages and logs: `password=` and its like without their value. Inspect shows them, as Docker does. */
export function redactOptions(text: string): string {
  return text.replace(/\b(password2?|passwd|pass|cruid_token|secret)=[^,\s"]*/gi, '$1=********');
}

function wrong(message: string, hint?: string): Error {
  return invalid(message, { code: 'volume-option', hint });
}
