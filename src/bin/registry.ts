import { createRegistry } from '../engine/registry/create-registry.ts';
import { toSiloError } from '../foundation/base/errors.ts';
import { createLog } from '../foundation/base/log.ts';
import { parseListenAddress } from '../foundation/http/listen.ts';
import { requestThreadPoolSize } from '../foundation/kernel/thread-pool.ts';
import type { RegistryCollectOptions, RegistryServeOptions } from '../frontends/cli/deps.ts';
import { createRegistryServer } from '../frontends/registry/registry-server.ts';
import { openFolderStore } from '../resources/registry/folder-store.ts';

const defaultRoot = '/var/lib/silo-registry';
/** How long a request may go on after a signal to stop. */
const graceMs = 30_000;
const collectEveryMs = 3_600_000;
/** Reading and writing of blobs runs on the pool. */
const poolThreads = 16;

/** `silo registry serve`: until SIGTERM or SIGINT, the second of which does not wait for running requests. Resolves to the exit code. */
export async function serveRegistry(options: RegistryServeOptions): Promise<number> {
  requestThreadPoolSize(poolThreads);
  const log = createLog((line) => void process.stderr.write(line));
  const stop = signals();
  const address = parseListenAddress(`tcp://${options.addr}`);
  await using store = await openFolderStore(options.root ?? defaultRoot);
  const registry = createRegistry(store, { log });
  const server = createRegistryServer(registry, { log });
  const bound = await server.listen(address);
  const host = bound.kind === 'tcp' ? `${bound.host}:${bound.port}` : bound.path;
  process.stdout.write(
    [
      `A registry listens on ${host}; it keeps its images below ${options.root ?? defaultRoot}.`,
      `  silo tag IMAGE ${host}/NAME:TAG && silo push ${host}/NAME:TAG`,
      '',
    ].join('\n'),
  );
  const collecting = setInterval(() => {
    registry.upkeep.collectGarbage().then(
      ({ blobs, freedBytes }) => log.info('collected', { blobs, freedBytes }),
      (error: unknown) => log.error('garbage was not collected', { reason: toSiloError(error).message }),
    );
  }, collectEveryMs);
  await stop.first;
  clearInterval(collecting);
  await Promise.race([server.close({ graceMs }), stop.second]);
  await server.close();
  return 0;
}

/** `silo registry gc`. Resolves to the exit code. */
export async function collectRegistry(options: RegistryCollectOptions): Promise<number> {
  const log = createLog((line) => void process.stderr.write(line));
  await using store = await openFolderStore(options.root ?? defaultRoot);
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
