import type { Engine } from '../../engine/host/engine.ts';
import type { Log } from '../../foundation/base/log.ts';
import type { HttpServer } from '../../foundation/http/http.ts';
import { createHttpServer } from '../../foundation/http/server.ts';
import { createDispatcher } from './dispatch.ts';
import { containerRoutes } from './routes/containers/index.ts';
import { execRoutes } from './routes/exec/index.ts';
import { imageRoutes } from './routes/images/index.ts';
import { networkRoutes } from './routes/networks/index.ts';
import { systemRoutes } from './routes/system/index.ts';
import { volumeRoutes } from './routes/volumes/index.ts';
import type { BuildVersion } from './translate/system-json.ts';

/** The Docker Engine API in front of an engine: `listen` on as many addresses as wanted, then `close`. */
export function createDockerApi(engine: Engine, options: { version: BuildVersion; log: Log }): HttpServer {
  const routes = [
    ...systemRoutes(engine, options.version),
    ...containerRoutes(engine),
    ...execRoutes(engine),
    ...imageRoutes(engine),
    ...networkRoutes(engine),
    ...volumeRoutes(engine),
  ];
  const serverName = `Silo/${options.version.version} (linux)`;
  return createHttpServer(createDispatcher(routes, { serverName, log: options.log }), options.log);
}
