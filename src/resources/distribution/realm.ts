import { isIP } from 'node:net';
import { forbidden, invalid } from '../../foundation/base/errors.ts';
import type { RegistryAccess } from './distribution.ts';
import { isInsecureHost, isLoopbackHost, splitHostPort } from './trust.ts';

/**
 * Checks the token server that a registry named. Kind `invalid` for anything but HTTP(S) without user and password in it; kind
 * `forbidden` for plain HTTP unless both the registry and the server are trusted that far.
 */
export function parseRealm(realm: string, registry: URL, access: RegistryAccess): URL {
  if (realm.length > 2048 || !URL.canParse(realm)) throw invalid('the registry names no usable token server');
  const url = new URL(realm);
  if ((url.protocol !== 'https:' && url.protocol !== 'http:') || url.username !== '' || url.password !== '')
    throw invalid(
      `the registry names a token server with an unusable address (${url.protocol}//${url.host})`,
      {
        code: 'bad-realm',
      },
    );
  if (
    url.protocol === 'http:' &&
    !(registry.protocol === 'http:' && isInsecureHost(url.host, access.insecure))
  )
    throw forbidden(`the registry names a token server without encryption (${url.host})`, {
      code: 'bad-realm',
      hint: 'if this is your own server, list both hosts as insecure registries',
    });
  url.hash = '';
  return url;
}

/**
 * Whether the user's credentials for this registry may be shown to the token server. Docker shows them to any; here the two must
 * belong together: the same host, one a parent domain of the other's (`gitlab.com` for `registry.gitlab.com`), neighbours below a
 * domain of their own (`auth.docker.io` for `registry-1.docker.io`), or listed in `tokenServers`. A reply that an attacker
 * could shape (a cache, a reflected header) then cannot carry the password away.
 */
export function mayShowCredentials(realm: URL, registry: URL, access: RegistryAccess): boolean {
  const server = splitHostPort(realm.host).name;
  const host = splitHostPort(registry.host).name;
  if (server === host) return true;
  if (isLoopbackHost(realm.host) && isLoopbackHost(registry.host)) return true;
  const { tokenServers = {} } = access;
  const listed = Object.hasOwn(tokenServers, registry.host) ? (tokenServers[registry.host] ?? []) : [];
  if (listed.some((each) => each === realm.host || each === server)) return true;
  if (isIP(server) !== 0 || isIP(host) !== 0) return false;
  if (host.endsWith(`.${server}`)) return isOwnDomain(server);
  const parent = host.slice(host.indexOf('.') + 1);
  return isOwnDomain(parent) && (server === parent || server.endsWith(`.${parent}`));
}

/** Two labels at least, and none of `co.uk`, `com.au` and the like, below which strangers are neighbours. */
function isOwnDomain(domain: string): boolean {
  const labels = domain.split('.');
  const [first = '', second = ''] = labels;
  if (labels.length === 2) return !(second.length === 2 && first.length <= 3);
  return labels.length > 2;
}
