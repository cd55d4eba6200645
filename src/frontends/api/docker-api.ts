import type { Engine } from '../../engine/host/engine.ts';
import type { Log } from '../../foundation/base/log.ts';
import type { HttpServer, ListenAddress, TlsIdentity } from '../../foundation/http/http.ts';
import { createHttpServer } from '../../foundation/http/server.ts';
import { createDispatcher } from './dispatch.ts';
import { countEvents } from './metrics/engine-metrics.ts';
import { createRequestMetrics } from './metrics/request-metrics.ts';
import { buildRoutes } from './routes/builds/index.ts';
import { containerRoutes } from './routes/containers/index.ts';
import { execRoutes } from './routes/exec/index.ts';
import { imageRoutes } from './routes/images/index.ts';
import { networkRoutes } from './routes/networks/index.ts';
import { systemRoutes } from './routes/system/index.ts';
import { showMetrics } from './routes/system/metrics.ts';
import { volumeRoutes } from './routes/volumes/index.ts';
import type { BuildVersion } from './translate/system-json.ts';

export interface DockerApi extends HttpServer {
  /** Serves `/metrics` alone, on an address of its own. */
  listenForMetrics(address: ListenAddress): Promise<ListenAddress>;
}

/** The Docker Engine API in front of an engine: `listen` on as many addresses as wanted, then `close`. */
export function createDockerApi(
  engine: Engine,
  options: { version: BuildVersion; log: Log; tls?: TlsIdentity | undefined },
): DockerApi {
  const requests = createRequestMetrics();
  const events = countEvents(engine.events);
  const metrics = showMetrics(engine, { build: options.version, requests, events });
  const routes = [
    ...systemRoutes(engine, options.version),
    metrics,
    ...containerRoutes(engine),
    ...execRoutes(engine),
    ...imageRoutes(engine),
    ...buildRoutes(engine),
    ...networkRoutes(engine),
    ...volumeRoutes(engine),
  ];
  const { log } = options;
  const serverName = `Silo/${options.version.version} (linux)`;
  const server = createHttpServer(
    createDispatcher(routes, { serverName, log, metrics: requests }),
    log,
    options.tls === undefined ? {} : { tls: options.tls },
  );
  const metricsServer = createHttpServer(createDispatcher([metrics], { serverName, log }), log);
  return {
    listen: (address) => server.listen(address),
    renew: (identity) => server.renew(identity),
    listenForMetrics: (address) => metricsServer.listen(address),
    async close() {
      events[Symbol.dispose]();
      await Promise.all([server.close(), metricsServer.close()]);
    },
  };
}
