import { createRegistry } from '../engine/registry/create-registry.ts';
import { defaultRegistryRoot, resolveRegistrySettings } from '../engine/registry/settings.ts';
import { toSiloError } from '../foundation/base/errors.ts';
import { createLog } from '../foundation/base/log.ts';
import { requestThreadPoolSize } from '../foundation/kernel/thread-pool.ts';
import type { RegistryCollectOptions, RegistryServeOptions } from '../frontends/cli/deps.ts';
import { openFolderStore } from '../resources/registry/folder-store.ts';
import { openRegistryServer } from './registry-server.ts';

/** How long a request may go on after a signal to stop. */
const graceMs = 30_000;
/** Reading and writing of blobs runs on the pool. */
const poolThreads = 16;

/**
 * `silo registry serve`: until SIGTERM or SIGINT, the second of which does not wait for running requests; SIGHUP reads certificates again and opens the
 * access log anew. Resolves to the exit code.
 */
export async function serveRegistry(options: RegistryServeOptions): Promise<number> {
  requestThreadPoolSize(poolThreads);
  const log = createLog((line) => void process.stderr.write(line));
  const stop = signals();
  const settings = resolveRegistrySettings(options.given);
  await using server = await openRegistryServer(settings, log);
  process.on('SIGHUP', () => {
    server
      .reload()
      .catch((error: unknown) => log.error('not reloaded', { reason: toSiloError(error).message }));
  });
  const { host, metricsHost } = server;
  process.stdout.write(
    [
      `A registry listens on ${host}; it keeps its images below ${settings.root}.`,
      `  silo tag IMAGE ${host}/NAME:TAG && silo push ${host}/NAME:TAG`,
      ...(settings.page ? [`  ${server.secure ? 'https' : 'http'}://${host}/ shows what is there`] : []),
      ...(metricsHost === undefined ? [] : [`  http://${metricsHost}/metrics for Prometheus`]),
      '',
    ].join('\n'),
  );
  await stop.first;
  await Promise.race([server.close(graceMs), stop.second]);
  return 0;
}

/** `silo registry gc`. Resolves to the exit code. */
export async function collectRegistry(options: RegistryCollectOptions): Promise<number> {
  const log = createLog((line) => void process.stderr.write(line));
  await using store = await openFolderStore(options.root ?? defaultRegistryRoot);
  // Nobody was served since the opening: the age of files alone protects them.
  const registry = createRegistry(store, { log, servedSinceMs: 0 });
  const { manifests, blobs, freedBytes } = await registry.upkeep.collectGarbage(options);
  const verb = options.dryRun ? 'Would free' : 'Freed';
  process.stdout.write(`${verb} ${manifests} manifests and ${blobs} blobs: ${freedBytes} bytes\n`);
  return 0;
}

function signals(): { first: Promise<void>; second: Promise<void> } {
  const first = Promise.withResolvers<void>();
  const second = Promise.withResolvers<void>();
  let count = 0;
  for (const signal of ['SIGTERM', 'SIGINT'] as const)
    process.on(signal, () => (count++ === 0 ? first : second).resolve());
  return { first: first.promise, second: second.promise };
}
