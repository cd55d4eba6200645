import { randomBytes } from 'node:crypto';
import type { Brand } from './brand.ts';
import { invalid } from './errors.ts';

/** 64 lower-case hexadecimal digits; the first twelve are shown to people. */
export type ContainerId = Brand<'ContainerId'>;
export type ExecId = Brand<'ExecId'>;
export type NetworkId = Brand<'NetworkId'>;

const full = /^[0-9a-f]{64}$/;

export function parseContainerId(text: string): ContainerId {
  return hex64(text, 'container') as ContainerId;
}
export function parseExecId(text: string): ExecId {
  return hex64(text, 'exec') as ExecId;
}
export function parseNetworkId(text: string): NetworkId {
  return hex64(text, 'network') as NetworkId;
}

/** A new random id. Never all digits in its first twelve places, which hosts and DNS would read as a number. */
export function randomHexId(): string {
  for (;;) {
    const id = randomBytes(32).toString('hex');
    if (!/^\d{12}/.test(id)) return id;
  }
}

/** The twelve-digit form that people see. */
export function shortId(id: string): string {
  return id.replace(/^sha256:/, '').slice(0, 12);
}

function hex64(text: string, what: string): string {
  if (!full.test(text))
    throw invalid(`invalid ${what} id "${text.slice(0, 80)}": want 64 hexadecimal digits`);
  return text;
}
