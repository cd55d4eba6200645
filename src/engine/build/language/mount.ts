import { posix } from 'node:path';
import type { MountField } from './instruction.ts';
import { didYouMean } from './text/nearest.ts';

/** What a RUN sees besides its root: `--mount` with its values expanded and its defaults filled in. */
export type Mount =
  | { type: 'bind'; target: string; source: string; from?: string; writable: boolean }
  | {
      type: 'cache';
      target: string;
      id: string;
      source: string;
      from?: string;
      sharing: 'shared' | 'private' | 'locked';
      writable: boolean;
      mode: number;
      uid: number;
      gid: number;
    }
  | { type: 'tmpfs'; target: string; size?: number }
  | {
      type: 'secret';
      id: string;
      target?: string;
      env?: string;
      required: boolean;
      mode: number;
      uid: number;
      gid: number;
    }
  | { type: 'ssh'; id: string; target?: string; required: boolean; mode: number; uid: number; gid: number };

export type MountType = Mount['type'];
export type ResolvedMount = { ok: true; mount: Mount } | { ok: false; message: string; hint?: string };

const types: readonly MountType[] = ['bind', 'cache', 'tmpfs', 'secret', 'ssh'];

const spellings: Readonly<Record<string, string>> = {
  src: 'source',
  dst: 'target',
  destination: 'target',
  ro: 'readonly',
  rw: 'readwrite',
};

/** Which keys each type has, besides `type`. */
const keysOf: Record<MountType, readonly string[]> = {
  bind: ['target', 'source', 'from', 'readonly', 'readwrite'],
  cache: ['target', 'id', 'source', 'from', 'sharing', 'mode', 'uid', 'gid', 'readonly', 'readwrite'],
  tmpfs: ['target', 'size'],
  secret: ['id', 'target', 'env', 'required', 'mode', 'uid', 'gid'],
  ssh: ['id', 'target', 'required', 'mode', 'uid', 'gid'],
};
const everyKey = [...new Set(['type', ...Object.values(keysOf).flat(), ...Object.keys(spellings)])];

class Refusal extends Error {
  constructor(
    message: string,
    readonly hint?: string,
  ) {
    super(message);
  }
}

/**
 * Reads the fields of one `--mount`, expanded. With `unknown` values still hold variables: then only what does not depend on values is
 * checked, and the mount that comes back is no use.
 */
export function resolveMount(fields: readonly MountField[], { unknown = false } = {}): ResolvedMount {
  try {
    return { ok: true, mount: read(fields, unknown) };
  } catch (error) {
    if (!(error instanceof Refusal)) throw error;
    return { ok: false, message: error.message, ...(error.hint === undefined ? {} : { hint: error.hint }) };
  }
}

function read(fields: readonly MountField[], unknown: boolean): Mount {
  const values = new Map<string, string>();
  for (const { key, value } of fields) {
    if (!everyKey.includes(key))
      throw new Refusal(
        `unexpected key ${JSON.stringify(key.slice(0, 60))} in --mount${didYouMean(key, everyKey)}`,
        `known are ${everyKey.join(', ')}`,
      );
    values.set(spellings[key] ?? key, value ?? 'true');
  }
  const type = values.get('type') ?? 'bind';
  if (unknown && type.includes('$')) return { type: 'tmpfs', target: '/' };
  if (!isMountType(type))
    throw new Refusal(
      `unsupported mount type ${JSON.stringify(type.slice(0, 60))}${didYouMean(type, types)}`,
      `known are ${types.join(', ')}`,
    );
  for (const key of values.keys())
    if (key !== 'type' && !keysOf[type].includes(key))
      throw new Refusal(
        `${key} is not allowed for a mount of type ${type}`,
        `${type} takes ${keysOf[type].join(', ')}`,
      );
  if (['bind', 'cache', 'tmpfs'].includes(type) && !values.get('target'))
    throw new Refusal(`target is required for a mount of type ${type}`, 'add target=/path');
  return unknown ? { type: 'tmpfs', target: '/' } : build(type, values);
}

const isMountType = (text: string): text is MountType => types.some((type) => type === text);

function build(type: MountType, values: ReadonlyMap<string, string>): Mount {
  const target = values.get('target') ?? '';
  const owner = (mode: string) => ({
    mode: number(values, 'mode', 8, mode),
    uid: number(values, 'uid', 10, '0'),
    gid: number(values, 'gid', 10, '0'),
  });
  const from = values.get('from');
  const origin = from === undefined ? {} : { from };
  const required = bool(values, 'required') ?? false;
  const writable = bool(values, 'readwrite') ?? !(bool(values, 'readonly') ?? type === 'bind');
  switch (type) {
    case 'bind':
      return { type, target, source: values.get('source') ?? '/', ...origin, writable };
    case 'cache':
      return {
        type,
        target,
        id: values.get('id') || posix.normalize(target),
        source: values.get('source') ?? '/',
        ...origin,
        sharing: sharingOf(values.get('sharing') ?? 'shared'),
        writable,
        ...owner('0755'),
      };
    case 'tmpfs':
      return { type, target, ...(values.has('size') ? { size: bytes(values.get('size') ?? '') } : {}) };
    case 'secret': {
      const id = values.get('id') || posix.basename(target);
      if (id === '') throw new Refusal('a secret needs an id or a target', 'add id=NAME');
      const env = values.get('env');
      return {
        type,
        id,
        required,
        ...owner('0400'),
        ...(env === undefined ? {} : { env }),
        ...(target === '' ? {} : { target }),
      };
    }
    case 'ssh':
      return {
        type,
        id: values.get('id') || 'default',
        required,
        ...owner('0600'),
        ...(target === '' ? {} : { target }),
      };
  }
}

function sharingOf(text: string): 'shared' | 'private' | 'locked' {
  if (text === 'shared' || text === 'private' || text === 'locked') return text;
  const known = ['shared', 'private', 'locked'];
  throw new Refusal(
    `unsupported sharing value ${JSON.stringify(text.slice(0, 60))}${didYouMean(text, known)}`,
    `known are ${known.join(', ')}`,
  );
}

function bool(values: ReadonlyMap<string, string>, key: string): boolean | undefined {
  const text = values.get(key)?.toLowerCase();
  if (text === undefined) return undefined;
  if (/^(true|1|t)$/.test(text)) return true;
  if (/^(false|0|f)$/.test(text)) return false;
  throw new Refusal(`invalid value for ${key}: ${text.slice(0, 60)}`, `write ${key}=true or ${key}=false`);
}

function number(values: ReadonlyMap<string, string>, key: string, base: 8 | 10, fallback: string): number {
  const text = values.get(key) ?? fallback;
  if (!(base === 8 ? /^[0-7]{1,7}$/ : /^\d{1,10}$/).test(text))
    throw new Refusal(
      `invalid value ${JSON.stringify(text.slice(0, 60))} for ${key}`,
      `${key} is ${base === 8 ? 'an octal number, as 0755' : 'a number'}`,
    );
  return Number.parseInt(text, base);
}

const units: Readonly<Record<string, number>> = {
  '': 1,
  b: 1,
  k: 2 ** 10,
  m: 2 ** 20,
  g: 2 ** 30,
  t: 2 ** 40,
};

function bytes(text: string): number {
  const match = /^(\d{1,12})([bkmgt]?)(?:i?b)?$/i.exec(text);
  if (!match) throw new Refusal(`invalid size ${JSON.stringify(text.slice(0, 60))}`, 'write size=64m');
  const size = Number(match[1]) * (units[match[2]?.toLowerCase() ?? ''] ?? 1);
  if (size > Number.MAX_SAFE_INTEGER)
    throw new Refusal(`invalid size ${JSON.stringify(text)}: no machine has so much`, 'write size=64m');
  return size;
}
