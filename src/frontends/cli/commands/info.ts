import type { InfoJson } from '../../../foundation/wire/docker/system.ts';
import { defineCommand } from '../command.ts';
import { reportError } from '../exit.ts';
import { formatObject } from '../output/objects.ts';
import { formatShortOption } from '../output/option-specs.ts';
import { formatBinarySize } from '../output/units.ts';

export const command = defineCommand({
  name: 'info',
  summary: 'Display system-wide information',
  usage: '',
  aliases: ['system info', 'info'],
  options: {
    format: formatShortOption,
  },
  args: { min: 0, max: 0 },
  examples: ['silo info', "silo info --format '{{.ServerVersion}} {{.Driver}}'"],
  async run({ options, io, deps, client, choice: { context } }) {
    const about = { Version: deps.version.version, Context: context, Debug: false };
    if (options.format !== '') {
      const info = await (await client()).system.info();
      io.stdout.write(`${formatObject({ ...info, ClientInfo: about }, options.format)}\n`);
      return 0;
    }
    io.stdout.write(
      `Client: Silo\n Version:    ${about.Version}\n Context:    ${about.Context}\n Debug Mode: false\n\nServer:\n`,
    );
    try {
      const info = await (await client()).system.info();
      io.stdout.write(formatInfo(info));
      for (const warning of info.Warnings ?? []) io.stderr.write(`${warning}\n`);
      return 0;
    } catch (error) {
      return reportError(io.stderr, error);
    }
  },
});

function formatInfo(info: InfoJson): string {
  const lines = [
    ` Containers: ${info.Containers}`,
    `  Running: ${info.ContainersRunning}`,
    `  Paused: ${info.ContainersPaused}`,
    `  Stopped: ${info.ContainersStopped}`,
    ` Images: ${info.Images}`,
    ` Server Version: ${info.ServerVersion}`,
    ` Storage Driver: ${info.Driver}`,
    ...(info.DriverStatus ?? []).map(([name, value]) => `  ${name}: ${value}`),
    ` Logging Driver: ${info.LoggingDriver}`,
    ` Cgroup Driver: ${info.CgroupDriver}`,
    ` Cgroup Version: ${info.CgroupVersion}`,
    ' Plugins:',
    ...plugins(info),
    ...(info.CDISpecDirs.length > 0
      ? [' CDI spec directories:', ...info.CDISpecDirs.map((path) => `  ${path}`)]
      : []),
    ` Swarm: ${info.Swarm?.LocalNodeState ?? 'inactive'}`,
    ` Runtimes: ${Object.keys(info.Runtimes ?? {})
      .sort()
      .join(' ')}`,
    ` Default Runtime: ${info.DefaultRuntime}`,
    ` Init Binary: ${info.InitBinary}`,
    ` containerd version: ${info.ContainerdCommit?.ID ?? ''}`,
    ` runc version: ${info.RuncCommit?.ID ?? ''}`,
    ` init version: ${info.InitCommit?.ID ?? ''}`,
    ...securityOptions(info.SecurityOptions ?? []),
    ` Kernel Version: ${info.KernelVersion}`,
    ` Operating System: ${info.OperatingSystem}`,
    ` OSType: ${info.OSType}`,
    ` Architecture: ${info.Architecture}`,
    ` CPUs: ${info.NCPU}`,
    ` Total Memory: ${formatBinarySize(info.MemTotal)}`,
    ` Name: ${info.Name}`,
    ` ID: ${info.ID}`,
    ` Docker Root Dir: ${info.DockerRootDir}`,
    ` Debug Mode: ${info.Debug}`,
    ...(info.Labels?.length ? [' Labels:', ...info.Labels.map((label) => `  ${label}`)] : []),
    ` Experimental: ${info.ExperimentalBuild}`,
    ...registries(info),
    ` Live Restore Enabled: ${info.LiveRestoreEnabled}`,
  ];
  return `${lines.join('\n')}\n\n`;
}

const plugins = ({ Plugins: known }: InfoJson): string[] => [
  `  Volume: ${(known?.Volume ?? []).join(' ')}`,
  `  Network: ${(known?.Network ?? []).join(' ')}`,
  `  Log: ${(known?.Log ?? []).join(' ')}`,
];

/** `name=seccomp,profile=builtin` becomes two lines. */
function securityOptions(options: readonly string[]): string[] {
  if (options.length === 0) return [];
  const lines = options.flatMap((option) => {
    const fields = option.split(',').map((field) => field.split('=', 2));
    const name = fields.find(([key]) => key === 'name')?.[1] ?? option;
    const rest = fields.filter(([key]) => key !== 'name');
    return [
      `  ${name}`,
      ...rest.map(([key, value]) => `   ${key === 'profile' ? 'Profile' : key}: ${value}`),
    ];
  });
  return [' Security Options:', ...lines];
}

function registries({ RegistryConfig: config }: InfoJson): string[] {
  const insecure = Object.values(config?.IndexConfigs ?? {}).filter((index) => !index.Secure);
  const names = [...insecure.map((index) => index.Name), ...(config?.InsecureRegistryCIDRs ?? [])];
  const mirrors = config?.Mirrors ?? [];
  return [
    ...(names.length > 0 ? [' Insecure Registries:', ...names.map((name) => `  ${name}`)] : []),
    ...(mirrors.length > 0 ? [' Registry Mirrors:', ...mirrors.map((mirror) => `  ${mirror}`)] : []),
  ];
}
