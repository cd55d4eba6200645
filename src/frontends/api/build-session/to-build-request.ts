import type { BuildRequest } from '../../../engine/build/solve/types.ts';
import type { BuildSessionRequestJson } from '../../../foundation/wire/silo/build-session.ts';
import { readBuildQuery } from '../input/build-query.ts';
import type { HostLimits } from '../translate/resource-limits.ts';
import { credentialsOf } from '../input/registry-auth.ts';

type Asked = Omit<BuildRequest, 'context' | 'contexts' | 'client' | 'onProgress' | 'drained' | 'signal'>;

/** The options of a session are the parameters of `POST /build`; credentials come beside them. */
export function toBuildRequest({ query, auths }: BuildSessionRequestJson, host: HostLimits): Asked {
  const { quiet: _quiet, remote: _remote, ...request } = readBuildQuery(new URLSearchParams(query), {}, host);
  const byHost = new Map(Object.entries(auths ?? {}));
  return {
    ...request,
    credentialsOf(host) {
      const auth = byHost.get(host);
      return auth && credentialsOf(auth);
    },
  };
}
