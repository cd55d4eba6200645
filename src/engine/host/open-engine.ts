import { createHash } from 'node:crypto';
import { mkdir, rm } from 'node:fs/promises';
import { availableParallelism } from 'node:os';
import { join } from 'node:path';
import { toSiloError } from '../../foundation/base/errors.ts';
import type { Log } from '../../foundation/base/log.ts';
import { pack } from '../../foundation/archive/pack-process.ts';
import { unpackLayer } from '../../foundation/archive/unpack-process.ts';
import { openDatabase } from '../../foundation/db/database.ts';
import { cgroupMode, completeHybridHierarchy } from '../../foundation/kernel/cgroup.ts';
import { compareTrees, measureTree } from '../../foundation/kernel/tree-usage-process.ts';
import { fileSystemStatus } from '../../foundation/kernel/filesystem.ts';
import { createReactor } from '../../foundation/kernel/reactor.ts';
import { createCdiDevices } from '../../resources/cdi/registry.ts';
import { openContentStore } from '../../resources/content/content-store.ts';
import { readCertificates } from '../../resources/distribution/certificates.ts';
import { createRegistries } from '../../resources/distribution/registries.ts';
import { createTransport } from '../../resources/distribution/transport.ts';
import { checkLogConfig } from '../../resources/logs/log-config.ts';
import { createLogKeeper } from '../../resources/logs/log-keeper.ts';
import { createContainerLogs } from '../../resources/logs/container-logs.ts';
import { createNetworkResources } from '../../resources/network/create-network-resources.ts';
import { createResolver } from '../../resources/network/resolver/resolver-client.ts';
import { createOciDriver } from '../../resources/runtime/oci/driver.ts';
import { openSnapshots } from '../../resources/snapshot/snapshots.ts';
import { openVolumes } from '../../resources/volume/volumes.ts';
import { type ContainerEngine, createContainerEngine } from '../container/container-engine.ts';
import { createHttpSource } from '../build/sources/http-source.ts';
import { withHistory } from '../build/history/open-history.ts';
import { createBuilds } from '../build/solve/build.ts';
import { openCacheMounts } from '../build/mounts/cache-mounts.ts';
import { sweepPrivateFolders } from '../build/mounts/private-folder.ts';
import { sweepSteps } from '../build/solve/steps/step.ts';
import { createEvents } from '../events/bus.ts';
import { openEventJournal } from '../events/journal.ts';
import { createImageEngine } from '../image/create-image-engine.ts';
import { createImageHolds } from '../image/image-holds.ts';
import { createSecurityAudit } from './audit/audit.ts';
import { gatherHostSubject } from './audit/host-subject.ts';
import { createCleaner, watchUses } from './cleaning/cleaner.ts';
import { createDiskLevel } from './cleaning/disk-level.ts';
import { openImageUses } from './cleaning/image-uses.ts';
import { makePrivateFile, openForMounts, userNamespaceSettings } from './user-namespaces.ts';
import { parseMarks } from './cleaning/marks.ts';
import { createDiskCheck } from './disk-check.ts';
import { createDiskUsage } from './disk-usage.ts';
import type { Engine } from './engine.ts';
import { engineId, findInit, findProgram, grantableLimits, specHost } from './host-facts.ts';
import { readOwnProcess } from './own-process.ts';
import { gatherHostFacts } from './gather-host-facts.ts';
import { keepBackup } from './keep-backup.ts';
import { createNetworkQueries } from './network-queries.ts';
import { createPinnedRuntimes, openPinnedRuntimes } from './pinned-runtimes.ts';
import { findPrograms } from './programs.ts';
import { backupName } from './rebuild-database.ts';
import { registryProxies } from './registry-settings.ts';
import { type EngineSettings, registrySettings } from './settings.ts';
import { securityDefaults } from './security-defaults.ts';
import { createVolumeCommands } from './volume-commands.ts';

/** How long an interrupted download waits for the attempt that goes on with it. */
const partialBlobMs = 7 * 24 * 3600 * 1000;

/** Program and first words of each process that helps the engine. */
export interface HelperCommands {
  unpack: readonly string[];
  pack: readonly string[];
  files: readonly string[];
  measure: readonly string[];
  volume: readonly string[];
  resolver: readonly string[];
}

export interface OpenedEngine extends Engine {
  /** Starts what restart policies want; called when the engine answers. */
  startByPolicy(): void;
}

/**
 * Opens everything below the two roots, makes records and reality agree (`engine/container/life/recover.ts`) and returns an engine that is ready for requests.
 * Disposing closes it; containers go on.
 */
export async function openEngine(
  settings: EngineSettings,
  deps: { log: Log; commands: HelperCommands },
): Promise<OpenedEngine> {
  const { log, commands } = deps;
  const marks = parseMarks(settings);
  const usage = createDiskUsage({
    dataRoot: settings.dataRoot,
    measure: (request) => measureTree(request, { command: deps.commands.measure }),
  });
  checkLogConfig({ driver: settings.logDriver, options: settings.logOptions });
  await using undo = new AsyncDisposableStack();
  const { dataRoot, execRoot } = settings;
  await mkdir(dataRoot, { recursive: true, mode: 0o710 });
  await openForMounts(execRoot);
  const at = (name: string): string => join(dataRoot, name);
  // The database is opened first: it is the lock on the data root.
  const database = undo.use(openDatabase(at('silo.db'), { exclusive: true, checked: true }));
  undo.use(keepBackup({ database, path: at(backupName), log }));
  await rm(at('tmp'), { recursive: true, force: true });
  await mkdir(at('tmp'), { mode: 0o700 });

  const security = await securityDefaults(settings, log);
  const pinned = await openPinnedRuntimes(dataRoot, (message) => log.error(message));
  const programs = findPrograms(settings, pinned);
  const mode = cgroupMode();
  if (mode === 'hybrid') completeHybridHierarchy();
  // The folder can be entered by others.
  await makePrivateFile(join(execRoot, 'silo.db'));
  const volatileDatabase = undo.use(
    openDatabase(join(execRoot, 'silo.db'), { exclusive: true, relaxed: true }),
  );
  const reactor = undo.use(createReactor());
  const now = Date.now;
  const events = createEvents(now, undo.use(await openEventJournal(at('events'), log)));

  const content = await openContentStore(at('content'));
  content
    .sweepPartial(now() - partialBlobMs)
    .catch((error: unknown) => log.warn(`removing old partial downloads: ${toSiloError(error).message}`));
  const snapshots = await openSnapshots({ root: at('snapshots'), log });
  const volumes = await openVolumes({
    database,
    directory: at('volumes'),
    log,
    now,
    command: commands.volume,
    owner: await engineId(dataRoot),
  });
  const resolver = undo.use(
    createResolver({ command: commands.resolver, path: join(execRoot, 'resolver.sock'), log }),
  );
  const network = undo.use(
    await createNetworkResources(
      { database, volatileDatabase, log, now, resolver, reactor },
      {
        instance: instanceName(settings),
        bridge: settings.bridge,
        ...(settings.bip ? { bip: settings.bip } : {}),
        publishedPorts: settings.publishedPorts,
        ...(settings.addressPools ? { pools: settings.addressPools } : {}),
      },
    ),
  );
  const driver = undo.use(
    await createOciDriver({
      directory: join(execRoot, 'runtime'),
      reactor,
      log,
      runtimes: programs.runtimes,
      defaultRuntime: settings.defaultRuntime,
      conmon: programs.conmon,
      deadlineMs: settings.runtimeDeadlineMs,
    }),
  );
  const proxies = registryProxies(settings);
  const transport = undo.use(
    createTransport(undefined, proxies.choose, readCertificates(settings.registryCertificates)),
  );
  const registries = createRegistries({ transport, settings: registrySettings(settings), log, now });

  let containers: ContainerEngine | undefined;
  const holds = createImageHolds();
  const images = createImageEngine({
    database,
    content,
    layers: snapshots.layers,
    registry: (access) => registries.client(access),
    publisher: (access) => registries.publisher(access),
    unpack: (request) => unpackLayer({ ...request, command: commands.unpack }),
    pack: (request) => pack({ ...request, command: commands.pack }),
    compareTrees: (one, two) => compareTrees({ compare: [one, two] }, { command: commands.measure }),
    users: {
      usersOf: (id) => containers?.users.usersOf(id) ?? [],
      layersInUse: () => containers?.users.layersInUse() ?? [],
      isBuilding: (id) => holds.isHeld(id),
    },
    events,
    log,
    now,
    settings: {
      insecureRegistries: settings.insecureRegistries,
      dropPackedLayers: settings.dropPackedLayers,
      downloads: settings.maxConcurrentDownloads,
      unpacks: availableParallelism(),
      temporaryDirectory: at('tmp'),
    },
  });
  const limits = grantableLimits();
  const userNamespaces = await userNamespaceSettings(settings, {
    scratch: at('snapshots/userns-probe'),
    log,
  });
  const initBinary = settings.initPath ?? findInit();
  const opened = undo.use(
    createContainerEngine({
      database,
      images,
      pack: (request) => pack({ ...request, command: commands.pack }),
      snapshots: snapshots.containers,
      layers: snapshots.layers,
      networks: network.networks,
      endpoints: network.endpoints,
      volumes,
      cdi: createCdiDevices(settings.cdiSpecDirs),
      driver,
      logs: createContainerLogs(reactor),
      logKeeper: undo.use(createLogKeeper({ reactor, log })),
      events,
      log,
      now,
      settings: {
        containersDirectory: at('containers'),
        rootfsDirectory: join(execRoot, 'rootfs'),
        mountsDirectory: join(execRoot, 'mounts'),
        engineFolders: [dataRoot, execRoot],
        emptyDirectory: join(execRoot, 'empty'),
        filesCommand: commands.files,
        defaultRuntime: settings.defaultRuntime,
        runtimes: Object.keys(programs.runtimes),
        cgroupParent: settings.cgroupParent,
        initBinary,
        logMaxBytes: settings.logMaxBytes,
        log: { driver: settings.logDriver, options: settings.logOptions },
        journalSocket: settings.journalSocket,
        defaultNetwork: 'bridge',
        security,
        host: await specHost(mode === 'v2' ? 2 : 1),
        openFilesLimit: limits.openFiles,
        lowestOomScore: limits.lowestOomScore,
        userNamespaces,
      },
    }),
  );
  containers = opened;
  const uses = openImageUses(database);
  const cleaning = { images, containers: opened.containers, uses, events, log, now };
  if (marks) {
    undo.use(watchUses(cleaning));
    const level = createDiskLevel({ dataRoot, usage, settled: () => snapshots.trash.idle() });
    undo.use(createCleaner({ ...cleaning, marks, level }));
  }
  const cgroupVersion = mode === 'v2' ? '2' : '1';
  const facts = gatherHostFacts(settings, {
    programs,
    initBinary,
    cgroupVersion,
    appArmor: security.apparmorProfiles !== undefined,
    userNamespaces,
    now,
  });
  const [host] = await Promise.all([facts, opened.recover()]);
  await sweepSteps({ containers: opened.containers, log }, opened.unsettled());
  const { streams, changes, files } = opened;
  const caches = await openCacheMounts({
    database,
    directory: at('build-caches'),
    measure: async (root) =>
      (await measureTree({ root, groups: [], known: {} }, { command: commands.measure })).totalBytes,
    maxBytes: settings.buildCacheMaxBytes,
    log,
    now,
  });
  const runDirectory = join(execRoot, 'build');
  await sweepPrivateFolders(runDirectory);
  const builder = createBuilds({
    caches,
    holds,
    runDirectory,
    images,
    containers: opened.containers,
    streams,
    changes,
    files,
    layers: snapshots.layers,
    http: createHttpSource({ transport, database, now }),
    database,
    directory: at('tmp'),
    parallelism: settings.buildParallelism ?? Math.max(2, availableParallelism()),
    log,
    now,
  });
  const builds = await withHistory(builder, { database, images, now, log, directory: at('build-logs') });
  const owned = undo.move();
  return {
    events,
    images,
    containers: opened.containers,
    streams,
    execs: opened.execs,
    stats: opened.stats,
    changes,
    files,
    builds,
    networks: createNetworkQueries({
      places: opened.networks,
      networks: network.networks,
      containers: opened.containers,
      events,
      repair: () => network.repair(),
    }),
    volumes: createVolumeCommands({
      volumes,
      containers: opened.containers,
      mounts: opened.volumeMounts,
      command: commands.volume,
      events,
    }),
    runtimes: createPinnedRuntimes(dataRoot, {
      now,
      usersOf: (name) =>
        findProgram(name) !== undefined || settings.runtimes[name] !== undefined
          ? []
          : opened.containers.list().flatMap((record) => (record.runtimeName === name ? [record.name] : [])),
    }),
    ownProcess: readOwnProcess,
    audit: createSecurityAudit({
      containers: opened.containers,
      security,
      engineFolders: [dataRoot, execRoot],
      host: () =>
        gatherHostSubject(settings, {
          appArmor: security.apparmorProfiles !== undefined,
          kernelRelease: host.kernelVersion,
          userNamespaces: host.userNamespaces ? 'on' : 'off',
        }),
    }),
    disk: {
      usage,
      freeBytes: async () => (await fileSystemStatus(dataRoot)).freeBytes,
      pin(name, pinned) {
        const { id } = images.resolve(name);
        if (pinned) uses.pin(id);
        else uses.unpin(id);
      },
      check: createDiskCheck({
        dataRoot,
        containers: (options) => opened.check(options),
        images: (options) => images.check(options),
        volumes,
        log,
      }),
    },
    host,
    startByPolicy: () => opened.startByPolicy(),
    [Symbol.asyncDispose]: () => owned.disposeAsync(),
  };
}

/** Names this daemon's firewall table and interfaces: `silo` with the default bridge, otherwise the bridge's name. */
function instanceName({ bridge }: EngineSettings): string {
  if (bridge === 'silo0') return 'silo';
  return /^[a-z][a-z0-9-]*$/.test(bridge)
    ? bridge
    : `silo-${createHash('sha256').update(bridge).digest('hex').slice(0, 6)}`;
}
