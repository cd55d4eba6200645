import { closeSync, mkdirSync, unlinkSync, writeFileSync, writeSync } from 'node:fs';
import { constants } from 'node:os';
import { join } from 'node:path';
import { createLog, type Log, type LogLevel } from '../foundation/base/log.ts';
import { invalid, toSiloError } from '../foundation/base/errors.ts';
import type { GivenOptions } from '../engine/registry/settings.ts';
import { parseListenAddress } from '../foundation/http/listen.ts';
import { requestThreadPoolSize } from '../foundation/kernel/thread-pool.ts';
import { openEngine } from '../engine/host/open-engine.ts';
import {
  defaultSettings,
  type EngineSettings,
  parseMirrors,
  parsePublishedPorts,
  parseSecurityDefault,
  parseUserNamespaceDefault,
  readSettingsFile,
  readStandardFile,
} from '../engine/host/settings.ts';
import { parsePool } from '../resources/network/pool-setting.ts';
import { createDockerApi } from '../frontends/api/docker-api.ts';
import { isInChroot, runInOwnRoot } from './own-root.ts';
import { type Doors, prepareDoors, splitDoors } from './daemon-doors.ts';
import { helperCommands } from './helper-commands.ts';
import { version } from './version.ts';
import type { DaemonOptions } from '../frontends/cli/deps.ts';

/** The pool serves file work, asynchronous kernel calls and the reactor's wait: more threads than processors, since they mostly wait. */
const poolThreads = 16;
const levels = ['debug', 'info', 'warn', 'error'] as const;

/** Runs the engine until SIGTERM or SIGINT; containers go on. Resolves to the exit code. */
export async function runDaemon(options: DaemonOptions): Promise<number> {
  requestThreadPoolSize(poolThreads);
  if (!options.validate && isInChroot()) return runInOwnRoot();
  const { settings, doors, level, metricsAddress, registry } = resolve(options);
  if (options.validate) {
    process.stdout.write('configuration OK\n');
    return 0;
  }
  const log = createLog((line) => void process.stderr.write(line), level);
  try {
    await using undo = new AsyncDisposableStack();
    const stopped = untilSignal();
    const hangups = undo.use(onHangup(log));
    // What is wrong with the certificates is told before anything is started.
    const entrance = await prepareDoors(doors, { execRoot: settings.execRoot, log });
    const engine = undo.use(await openEngine(settings, { log, commands: helperCommands }));
    const api = createDockerApi(engine, { version, log, tls: entrance.identity });
    undo.defer(() => api.close());
    await entrance.open(api);
    hangups.add(() => entrance.reload(api));
    if (metricsAddress !== undefined)
      await api.listenForMetrics(parseListenAddress(`tcp://${metricsAddress}`));
    if (registry !== undefined) await serveRegistry(registry, { settings, log, undo, hangups });
    if (options.pidFile !== undefined) writePidFile(options.pidFile, undo);
    tellReady();
    log.info('ready', {
      hosts: doors.hosts.join(' '),
      dataRoot: settings.dataRoot,
      startupMs: Math.round(performance.now()),
    });
    engine.startByPolicy();
    log.info('stopping', { signal: await stopped });
    return 0;
  } catch (thrown) {
    const error = toSiloError(thrown);
    log.error(error.message, { code: error.code, hint: error.hint });
    if (level === 'debug' && error.stack) log.debug(error.stack);
    return 1;
  }
}

/** Ends with the daemon; loaded only by those who want it. */
async function serveRegistry(
  given: GivenOptions,
  {
    settings,
    log,
    undo,
    hangups,
  }: { settings: EngineSettings; log: Log; undo: AsyncDisposableStack; hangups: Hangups },
): Promise<void> {
  const { resolveRegistrySettings } = await import('../engine/registry/settings.ts');
  const { openRegistryServer } = await import('./registry-server.ts');
  const resolved = resolveRegistrySettings({ root: join(settings.dataRoot, 'registry'), ...given });
  const registry = undo.use(await openRegistryServer(resolved, log));
  hangups.add(() => registry.reload());
  log.info('a registry listens', { host: registry.host, root: resolved.root });
}

interface Hangups extends Disposable {
  add(reload: () => Promise<void>): void;
}

/** SIGHUP reads certificates and the like again; it never ends the daemon. */
function onHangup(log: Log): Hangups {
  const all: (() => Promise<void>)[] = [];
  const reload = (): void => {
    for (const one of all)
      one().catch((error: unknown) => log.error('not reloaded', { reason: toSiloError(error).message }));
  };
  process.on('SIGHUP', reload);
  return {
    add: (one) => void all.push(one),
    [Symbol.dispose]: () => void process.off('SIGHUP', reload),
  };
}

interface Resolved {
  settings: EngineSettings;
  doors: Doors;
  level: LogLevel;
  metricsAddress: string | undefined;
  registry: GivenOptions | undefined;
}

function resolve(options: DaemonOptions): Resolved {
  refuseUnsupported(options);
  const file = options.configFile === undefined ? readStandardFile() : readSettingsFile(options.configFile);
  const { hosts: fileHosts, logLevel: fileLevel, metricsAddress: fileMetrics, registry, ...rest } = file;
  const { own: fileDoors, others: fileSettings } = splitDoors(rest);
  const given: Partial<EngineSettings> = {
    ...(options.dataRoot === undefined ? {} : { dataRoot: options.dataRoot }),
    ...(options.execRoot === undefined ? {} : { execRoot: options.execRoot }),
    ...(options.bridge === undefined ? {} : { bridge: options.bridge }),
    ...(options.bip === undefined ? {} : { bip: options.bip }),
    ...(options.publishedPorts === undefined
      ? {}
      : { publishedPorts: parsePublishedPorts(options.publishedPorts) }),
    ...(options.defaultRuntime === undefined ? {} : { defaultRuntime: options.defaultRuntime }),
    ...(options.userns === undefined ? {} : { userns: parseUserNamespaceDefault(options.userns) }),
    ...(options.usernsRange === undefined ? {} : { usernsRange: options.usernsRange }),
    ...(options.cgroupParent === undefined ? {} : { cgroupParent: options.cgroupParent }),
    ...(options.security === undefined ? {} : { security: parseSecurityDefault(options.security) }),
    ...(options.seccompProfile === undefined ? {} : { seccompProfile: options.seccompProfile }),
    ...(options.initPath === undefined ? {} : { initPath: options.initPath }),
    ...(options.maxConcurrentDownloads === undefined
      ? {}
      : { maxConcurrentDownloads: options.maxConcurrentDownloads }),
    ...(options.cdiSpecDirs.length === 0 ? {} : { cdiSpecDirs: options.cdiSpecDirs }),
    ...(options.logDriver === undefined ? {} : { logDriver: options.logDriver }),
    ...(options.logOptions.length === 0 ? {} : { logOptions: toMap(options.logOptions) }),
    ...(options.insecureRegistries.length === 0 ? {} : { insecureRegistries: options.insecureRegistries }),
    ...(options.registryMirrors.length === 0
      ? {}
      : { registryMirrors: parseMirrors(options.registryMirrors, '--registry-mirror') }),
    ...(options.addressPools.length === 0
      ? {}
      : { addressPools: options.addressPools.map((text) => parsePool(text, '--default-address-pool')) }),
    ...(options.runtimes.length === 0
      ? {}
      : { runtimes: Object.fromEntries(options.runtimes.map(({ name, path }) => [name, path])) }),
  };
  const settings = { ...defaultSettings, ...fileSettings, ...given };
  const hosts =
    options.hosts.length > 0 ? options.hosts : (fileHosts ?? [`unix://${settings.execRoot}/silo.sock`]);
  const level = options.debug ? 'debug' : (options.logLevel ?? fileLevel ?? 'info');
  if (!isLevel(level)) throw invalid(`invalid log level "${level}": want ${levels.join(', ')}`);
  const doors = { ...fileDoors, ...splitDoors(options).own, hosts };
  return { settings, doors, level, metricsAddress: options.metricsAddress ?? fileMetrics, registry };
}

const toMap = (pairs: readonly string[]): Record<string, string> =>
  Object.fromEntries(
    pairs.map((pair) => {
      const [key = '', ...value] = pair.split('=');
      return [key, value.join('=')];
    }),
  );

const isLevel = (text: string): text is LogLevel => (levels as readonly string[]).includes(text);

/** Options that the parser knows because Docker has them, and that this version cannot honour: refused, never ignored. */
function refuseUnsupported(options: DaemonOptions): void {
  const refused = {
    '--userns-remap': options.usernsRemap,
    '--fixed-cidr': options.fixedCidr,
    '--default-gateway': options.defaultGateway,
    '--mtu': options.mtu,
    '--dns': options.dns[0],
    '--dns-search': options.dnsSearch[0],
    '--dns-opt': options.dnsOptions[0],
    '--default-ulimit': options.defaultUlimits[0],
    '--label': options.labels[0],
    '--shutdown-timeout': options.shutdownTimeoutSeconds,
  };
  const names = Object.entries(refused)
    .filter(([, value]) => value !== undefined)
    .map(([name]) => name);
  if (names.length > 0)
    throw invalid(`not supported yet: ${names.join(', ')}`, { code: 'unsupported-option' });
}

function untilSignal(): Promise<string> {
  return new Promise((resolve) => {
    for (const signal of ['SIGTERM', 'SIGINT'] as const)
      process.once(signal, () => resolve(`${signal} (${constants.signals[signal]})`));
  });
}

function writePidFile(path: string, undo: AsyncDisposableStack): void {
  mkdirSync(path.replace(/\/[^/]*$/, '') || '/', { recursive: true });
  writeFileSync(path, `${process.pid}\n`);
  undo.defer(() => unlinkSync(path));
}

/** One byte on the descriptor that whoever started the daemon waits on. */
function tellReady(): void {
  const fd = Number(process.env['SILO_READY_FD'] ?? '');
  if (!Number.isInteger(fd) || fd < 3) return;
  writeSync(fd, '\n');
  closeSync(fd);
}
