import { type SiloError, invalid, unsupported } from '../../../foundation/base/errors.ts';

/** The closing words of every refusal: a request is never fulfilled in part without saying so. */
const notYet = 'is not supported yet';

export function refused(field: string, hint?: string): SiloError {
  return unsupported(`${field} ${notYet}`, {
    code: 'unsupported-field',
    hint,
  });
}

/** Throws when a field that cannot be honoured has a value that asks for something. */
export function refuseUnless(isDefault: boolean, field: string, hint?: string): void {
  if (!isDefault) throw refused(field, hint);
}

export function conflicting(words: string): SiloError {
  return invalid(`conflicting options: ${words}`, { code: 'conflicting-options' });
}

/** Null, missing and empty mean the same in requests. */
export function isEmpty(
  value: readonly unknown[] | object | string | number | boolean | null | undefined,
): boolean {
  if (value === undefined || value === null || value === '' || value === 0 || value === false) return true;
  if (Array.isArray(value)) return value.length === 0;
  return typeof value === 'object' && Object.keys(value).length === 0;
}

/** Drops `undefined` fields: optional fields of our types are absent, not undefined. */
export function defined<T extends object>(fields: { [K in keyof T]: T[K] | undefined }): T {
  return Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined)) as T;
}
