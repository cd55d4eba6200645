import type { Engine } from '../../../../engine/host/engine.ts';
import { invalid } from '../../../../foundation/base/errors.ts';
import { ok, type Route } from '../../call.ts';
import { readJson } from '../../input/json-body.ts';
import { authConfig } from '../../input/other-bodies.ts';
import { credentialsOf } from '../../input/registry-auth.ts';

/** `docker login` keeps what this found to be good; the engine keeps nothing. */
export function checkCredentials(engine: { images: Pick<Engine['images'], 'login'> }): Route {
  return {
    method: 'POST',
    path: '/auth',
    async handle(call) {
      const auth = await readJson(call, authConfig);
      const credentials = credentialsOf(auth);
      if (credentials === undefined)
        throw invalid('no credentials: want a username and a password, or a token', {
          code: 'no-credentials',
        });
      const identityToken = await engine.images.login({
        host: hostOf(auth.serveraddress ?? ''),
        credentials,
        signal: call.exchange.signal,
      });
      return ok({ Status: 'Login Succeeded', IdentityToken: identityToken ?? '' });
    },
  };
}

/** Clients write addresses as they are configured: `https://index.docker.io/v1/`, `registry.example:5000`. */
function hostOf(address: string): string {
  const host = address.replace(/^https?:\/\//, '').replace(/\/.*$/, '');
  if (host === '' || host === 'index.docker.io') return 'docker.io';
  if (!/^(\[[0-9a-f:.]+\]|[a-z0-9]([a-z0-9.-]*[a-z0-9])?)(:\d{1,5})?$/i.test(host) || host.length > 255)
    throw invalid(`invalid registry address: ${JSON.stringify(address.slice(0, 80))}`, {
      code: 'bad-registry-address',
    });
  return host;
}
