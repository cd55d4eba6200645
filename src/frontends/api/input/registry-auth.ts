import type { IncomingHttpHeaders } from 'node:http';
import type { PullRequest } from '../../../engine/image/transfers.ts';
import type { AuthConfigJson } from '../../../foundation/wire/docker/image.ts';
import { authConfig } from './other-bodies.ts';

/** Credentials of `X-Registry-Auth`. As in Docker what cannot be read counts as none: old clients send placeholders. */
export function readRegistryAuth(headers: IncomingHttpHeaders): PullRequest['credentials'] | undefined {
  const header = headers['x-registry-auth'];
  if (typeof header !== 'string' || header === '') return undefined;
  let auth: AuthConfigJson;
  try {
    // Standard base64 has the same meaning: `base64url` decoding accepts both alphabets.
    auth = authConfig(JSON.parse(Buffer.from(header, 'base64url').toString('utf8')), '');
  } catch {
    return undefined;
  }
  return credentialsOf(auth);
}

/** The strongest that is given. */
export function credentialsOf(auth: AuthConfigJson): PullRequest['credentials'] | undefined {
  if (auth.registrytoken) return { token: auth.registrytoken };
  if (auth.identitytoken) return { identityToken: auth.identitytoken };
  if (auth.username) return { username: auth.username, password: auth.password ?? '' };
  return fromBasic(auth.auth ?? '');
}

function fromBasic(encoded: string): PullRequest['credentials'] | undefined {
  const text = Buffer.from(encoded, 'base64').toString('utf8');
  const colon = text.indexOf(':');
  return colon < 1 ? undefined : { username: text.slice(0, colon), password: text.slice(colon + 1) };
}
