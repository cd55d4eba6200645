import { watch } from 'node:fs';
import { dirname, join } from 'node:path';
import { openAccess } from '../engine/registry/access/open-access.ts';
import { type CachingRegistry, openCachingRegistry } from '../engine/registry/cache/create-cache.ts';
import { readUpstreamAccounts } from '../engine/registry/cache/upstream-accounts.ts';
import { countUploads } from '../engine/registry/count-uploads.ts';
import { createRegistry } from '../engine/registry/create-registry.ts';
import { limitRegistry } from '../engine/registry/quota.ts';
import type { Registry } from '../engine/registry/registry.ts';
import type { RegistrySettings } from '../engine/registry/settings.ts';
import { toSiloError } from '../foundation/base/errors.ts';
import type { Log } from '../foundation/base/log.ts';
import type { ListenAddress } from '../foundation/http/http.ts';
import { parseListenAddress } from '../foundation/http/listen.ts';
import { createHttpServer } from '../foundation/http/server.ts';
import { createRenewal, readTlsIdentity } from '../foundation/http/tls-files.ts';
import type { Observe } from '../frontends/registry/access.ts';
import { limitByAddress } from '../frontends/registry/admission.ts';
import { createDispatcher } from '../frontends/registry/dispatch.ts';
import { createEdge } from '../frontends/registry/edge.ts';
import { openAccessLog } from '../frontends/registry/observation/access-log.ts';
import { createRegistryMetrics } from '../frontends/registry/observation/registry-metrics.ts';
import { createRegistryServer } from '../frontends/registry/registry-server.ts';
import {
  catalogRoute,
  healthRoute,
  metricsRoute,
  ownSearchRoute,
  pageRoute,
  tokenRoutes,
} from '../frontends/registry/routes/edge-routes.ts';
import { proxyFromEnvironment } from '../resources/distribution/proxy.ts';
import { createTransport } from '../resources/distribution/transport.ts';
import { openFolderStore } from '../resources/registry/folder-store.ts';

const collectEveryMs = 3_600_000;
/** A body that brings less is given up, and a connection on which nothing moves is cut. */
const defaultPatience = { slowest: { bytes: 16 * 1024, perMs: 60_000 }, idleMs: 120_000 };
/** Programs that replace certificate and key write two files. */
const settleMs = 500;

/** A registry server with all that its settings ask for; the same for `silo registry serve` and inside the daemon. */
export interface RunningRegistry extends AsyncDisposable {
  /** `127.0.0.1:5000` */
  readonly host: string;
  readonly secure: boolean;
  readonly metricsHost: string | undefined;
  /** Reads certificates again and opens the access log anew. */
  reload(): Promise<void>;
  /** Refuses new requests and waits for running ones, at most so long. */
  close(graceMs: number): Promise<void>;
}

export async function openRegistryServer(
  settings: RegistrySettings,
  log: Log,
  patience = defaultPatience,
): Promise<RunningRegistry> {
  await using undo = new AsyncDisposableStack();
  const store = undo.use(await openFolderStore(settings.root));
  const access = await openAccess(settings, log);
  const tls = settings.tls === undefined ? undefined : await readTlsIdentity(settings.tls);
  const { cache, registry, underWay } = await openRegistry(settings, createRegistry(store, { log }), {
    log,
    undo,
  });
  const metrics = createRegistryMetrics({
    registry,
    uploadsUnderWay: underWay,
    ...(cache ? { cache: () => cache.counts(), fetchedBytes: () => cache.fetchedBytes() } : {}),
  });
  const accessLog =
    settings.accessLog === undefined
      ? undefined
      : undo.use(await openAccessLog(settings.accessLog, (message) => log.error(message)));
  const edge = createEdge({
    access,
    readOnly: settings.readOnly,
    secure: tls !== undefined,
    externalUrl: settings.externalUrl,
    onRefusedLogin: () => metrics.refusedLogin(),
  });
  const observe: Observe = (record) => {
    metrics.observe(record);
    accessLog?.write(record);
  };
  const server = createRegistryServer(registry, {
    log,
    observe,
    ...patience,
    ...(settings.rateLimit === undefined
      ? {}
      : { admit: limitByAddress(settings.rateLimit, [healthRoute.path, '/metrics']) }),
    authorize: (exchange, wanted) => edge.authorize(exchange, wanted),
    routes: [
      healthRoute,
      ...(settings.metrics ? [metricsRoute(metrics, edge)] : []),
      ...(access === undefined
        ? []
        : [catalogRoute(registry, edge), ownSearchRoute(registry, edge), ...tokenRoutes(access, edge)]),
      ...(settings.page ? [pageRoute(registry, { edge, hasUsers: access?.hasUsers ?? false })] : []),
    ],
    ...(tls === undefined ? {} : { tls }),
  });
  undo.defer(() => server.close());
  const bound = await server.listen(parseListenAddress(`tcp://${settings.address}`));
  const metricsBound = await listenForMetrics(settings, {
    log,
    undo,
    routes: [healthRoute, metricsRoute(metrics, undefined)],
  });
  undo.use(collectRegularly(registry, log));
  const renew = settings.tls === undefined ? async () => {} : createRenewal(settings.tls, server, log);
  undo.use(watchCertificates(settings, renew, log));
  const kept = undo.move();
  return {
    host: hostOf(bound),
    secure: tls !== undefined,
    metricsHost: metricsBound && hostOf(metricsBound),
    async reload() {
      await renew();
      await accessLog?.reopen();
    },
    close: (graceMs) => server.close({ graceMs }),
    [Symbol.asyncDispose]: () => kept.disposeAsync(),
  };
}

const hostOf = (bound: ListenAddress): string =>
  bound.kind === 'tcp' ? `${bound.host}:${bound.port}` : bound.path;

async function openRegistry(
  settings: RegistrySettings,
  local: Registry,
  { log, undo }: { log: Log; undo: AsyncDisposableStack },
): Promise<{ registry: Registry; cache: CachingRegistry | undefined; underWay: () => number }> {
  const { quotaBytes, repositoryQuotaBytes, upstreams } = settings;
  const limited = limitRegistry(local, { totalBytes: quotaBytes, repositoryBytes: repositoryQuotaBytes });
  const { registry, underWay } = countUploads(limited);
  if (upstreams.length === 0) return { registry, cache: undefined, underWay };
  const accounts =
    settings.upstreamAuths === undefined ? new Map() : await readUpstreamAccounts(settings.upstreamAuths);
  const transport = undo.use(createTransport(undefined, proxyFromEnvironment(process.env)));
  const cache = undo.use(
    await openCachingRegistry(registry, {
      // Where no repository's name leads, and the collector does not look.
      root: join(settings.root, '.silo', 'cache'),
      upstreams,
      transport,
      accessTo(host) {
        const credentials = accounts.get(host);
        return { insecure: settings.upstreamInsecure, ...(credentials ? { credentials } : {}) };
      },
      limitBytes: settings.cacheLimitBytes,
      log,
    }),
  );
  return { registry: cache.registry, cache, underWay };
}

async function listenForMetrics(
  settings: RegistrySettings,
  {
    log,
    undo,
    routes,
  }: { log: Log; undo: AsyncDisposableStack; routes: Parameters<typeof createDispatcher>[0] },
): Promise<ListenAddress | undefined> {
  if (settings.metricsAddress === undefined) return undefined;
  const server = createHttpServer(createDispatcher(routes, { log }), log, {
    audience: 'anybody',
    idleMs: defaultPatience.idleMs,
  });
  undo.defer(() => server.close());
  return server.listen(parseListenAddress(`tcp://${settings.metricsAddress}`));
}

function collectRegularly({ upkeep }: Registry, log: Log): Disposable {
  const timer = setInterval(() => {
    upkeep.collectGarbage().then(
      ({ blobs, freedBytes }) => log.info('collected', { blobs, freedBytes }),
      (error: unknown) => log.error('garbage was not collected', { reason: toSiloError(error).message }),
    );
  }, collectEveryMs);
  return { [Symbol.dispose]: () => clearInterval(timer) };
}

/** By the folders: certificates are replaced by renaming, or by changing the target of a link. */
function watchCertificates({ tls }: RegistrySettings, renew: () => Promise<void>, log: Log): Disposable {
  const undo = new DisposableStack();
  if (tls === undefined) return undo;
  let timer: ReturnType<typeof setTimeout> | undefined;
  undo.defer(() => clearTimeout(timer));
  const folders = new Set(
    [tls.cert, tls.key, ...(tls.clientCa === undefined ? [] : [tls.clientCa])].map(dirname),
  );
  for (const folder of folders) {
    const watcher = watch(folder, () => {
      clearTimeout(timer);
      timer = setTimeout(() => void renew(), settleMs);
    });
    watcher.on('error', (error) =>
      log.warn('certificates are read again on SIGHUP only', { reason: error.message }),
    );
    undo.defer(() => watcher.close());
  }
  return undo;
}
