import type { UserNamespaceSettings } from '../container/context.ts';
import { holesOf } from './doctor/known-holes.ts';
import { mendedByPackage } from './doctor/package-changelog.ts';
import { parseVersion } from './doctor/program-version.ts';
import type { HostFacts } from './engine.ts';
import { architecture, engineId, machine, onlineLists, operatingSystem, versionOf } from './host-facts.ts';
import type { Programs } from './programs.ts';
import { registryFacts } from './registry-settings.ts';
import type { EngineSettings } from './settings.ts';

/** What `info` and `version` tell; asked once, the programs side by side. */
export async function gatherHostFacts(
  settings: EngineSettings,
  known: {
    programs: Programs;
    initBinary: string;
    cgroupVersion: '1' | '2';
    appArmor: boolean;
    userNamespaces: UserNamespaceSettings;
    now: () => number;
  },
): Promise<HostFacts> {
  const { programs, initBinary, cgroupVersion, appArmor, userNamespaces, now } = known;
  const [id, system, runtimeVersion, monitorVersion, mended] = await Promise.all([
    engineId(settings.dataRoot),
    operatingSystem(),
    versionOf(programs.runtimes[settings.defaultRuntime] ?? ''),
    versionOf(programs.conmon),
    mendedByPackage(settings.defaultRuntime),
  ]);
  return {
    id,
    name: machine.name(),
    dataRoot: settings.dataRoot,
    kernelVersion: machine.kernelVersion(),
    operatingSystem: system.name,
    osVersion: system.version,
    architecture,
    cpus: machine.cpus(),
    ...onlineLists(),
    memoryBytes: machine.memoryBytes(),
    cgroupVersion,
    cgroupDriver: 'cgroupfs',
    runtimes: Object.fromEntries(Object.entries(programs.runtimes).map(([name, path]) => [name, { path }])),
    defaultRuntime: settings.defaultRuntime,
    runtimeVersion,
    monitorVersion,
    initBinary,
    ...registryFacts(settings),
    seccompProfile: settings.seccompProfile,
    securityPreset: settings.security,
    appArmor,
    userNamespaces: userNamespaces.mode === 'auto' && userNamespaces.unavailable === undefined,
    cdiSpecDirs: settings.cdiSpecDirs,
    ...(settings.addressPools ? { addressPools: settings.addressPools } : {}),
    logDriver: settings.logDriver,
    logDrivers: ['journald', 'json-file', 'local', 'none', 'syslog'],
    startedAtMs: now(),
    warnings: [
      ...warningOfHoles(runtimeVersion, mended),
      ...(initBinary === '' ? ['no static init found: --init needs the package tini'] : []),
    ],
  };
}

/** Of the default runtime: `silo doctor` tells of all, and what to do. */
function warningOfHoles(line: string, mended: ReadonlySet<string> | undefined): string[] {
  const [, program = ''] = /^(\S+) version /.exec(line) ?? [];
  const version = parseVersion(line);
  const open = version
    ? holesOf(program, version).filter(({ id, guard }) => guard === undefined && !mended?.has(id))
    : [];
  if (open.length === 0) return [];
  return [
    `${line} has holes that the engine cannot close: ${open.map(({ id }) => id).join(', ')}; pin a newer one with silo runtime install`,
  ];
}
