import type { Registry } from '../../engine/registry/registry.ts';
import type { HttpServer, TlsIdentity } from '../../foundation/http/http.ts';
import { createHttpServer } from '../../foundation/http/server.ts';
import type { Route } from './call.ts';
import { createDispatcher, type DispatchOptions } from './dispatch.ts';
import { blobRoutes } from './routes/blobs.ts';
import { listRoutes } from './routes/lists.ts';
import { manifestRoutes } from './routes/manifests.ts';
import { ping } from './routes/ping.ts';
import { searchRoute } from './routes/search.ts';
import { uploadRoutes } from './routes/uploads.ts';

export interface RegistryServerOptions extends DispatchOptions {
  /** Further pages, such as metrics; they come before the registry's own. */
  routes?: readonly Route[];
  tls?: TlsIdentity;
  /** Connections on which nothing moves for this long are cut. */
  idleMs?: number;
}

/** The OCI distribution specification 1.1 in front of a registry. Without `authorize` everybody may do everything. */
export function createRegistryServer(registry: Registry, options: RegistryServerOptions): HttpServer {
  const routes = [
    ...(options.routes ?? []),
    ping,
    { ...ping, path: '/v2' },
    ...listRoutes(registry),
    searchRoute(registry),
    ...manifestRoutes(registry),
    // Before blobs: an upload is not a blob called `uploads`.
    ...uploadRoutes(registry),
    ...blobRoutes(registry),
  ];
  const { tls, idleMs } = options;
  return createHttpServer(createDispatcher(routes, options), options.log, {
    audience: 'anybody',
    ...(tls === undefined ? {} : { tls }),
    ...(idleMs === undefined ? {} : { idleMs }),
  });
}
