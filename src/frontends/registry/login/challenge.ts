import type { Action } from '../../../engine/registry/access/actions.ts';
import { formatScope } from '../../../engine/registry/access/scopes.ts';

/** How clients are told to log in. */
export type Challenger =
  | { kind: 'basic'; realm: string }
  | { kind: 'bearer'; realm: string; service: string };

export interface ChallengeFor {
  repository?: string;
  actions?: readonly Action[];
  /** RFC 6750 section 3.1. */
  error?: 'invalid_token' | 'insufficient_scope';
}

/** The value of `WWW-Authenticate`: RFC 7617, or distribution's docs/spec/auth/token.md. */
export function formatChallenge(challenger: Challenger, asked: ChallengeFor = {}): string {
  if (challenger.kind === 'basic') return `Basic realm=${quote(challenger.realm)}, charset="UTF-8"`;
  const parameters: [string, string][] = [
    ['realm', challenger.realm],
    ['service', challenger.service],
  ];
  if (asked.repository !== undefined)
    parameters.push(['scope', formatScope(asked.repository, asked.actions ?? [])]);
  if (asked.error !== undefined) parameters.push(['error', asked.error]);
  return `Bearer ${parameters.map(([name, value]) => `${name}=${quote(value)}`).join(',')}`;
}

/** A quoted string (RFC 9110 section 5.6.4) of visible ASCII: nothing that could end a header or begin another parameter. */
function quote(text: string): string {
  return `"${text.replace(/[^ -~]/g, '').replace(/["\\]/g, '\\$&')}"`;
}

const hostShape = /^(?:[A-Za-z0-9](?:[A-Za-z0-9.-]*[A-Za-z0-9])?|\[[0-9A-Fa-f:.]+\])(?::\d{1,5})?$/;

/**
 * The address of `/token` as this client reaches us: what the operator wrote, or the `Host` that it sent, which only it sees again. Undefined when
 * that is none.
 */
export function realmFor(options: {
  externalUrl: string | undefined;
  secure: boolean;
  host: string | undefined;
}): string | undefined {
  if (options.externalUrl !== undefined) return `${options.externalUrl.replace(/\/+$/, '')}/token`;
  const { host } = options;
  if (host === undefined || host.length > 260 || !hostShape.test(host)) return undefined;
  return `${options.secure ? 'https' : 'http'}://${host}/token`;
}
