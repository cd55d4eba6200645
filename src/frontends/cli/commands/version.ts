import type { VersionJson } from '../../../foundation/wire/docker/system.ts';
import { defineCommand } from '../command.ts';
import type { CliDeps } from '../deps.ts';
import { reportError } from '../exit.ts';
import { formatObject } from '../output/objects.ts';
import { formatShortOption } from '../output/option-specs.ts';

export const command = defineCommand({
  name: 'version',
  summary: 'Show the Silo version information',
  usage: '',
  options: {
    format: formatShortOption,
  },
  args: { min: 0, max: 0 },
  examples: ['silo version', "silo version --format '{{.Server.Version}}'"],
  async run({ options, io, deps, client: connect, choice }) {
    let server: VersionJson | undefined;
    let failure: unknown;
    let apiVersion = '1.51';
    try {
      const client = await connect();
      server = await client.system.version();
      apiVersion = await client.system.apiVersion();
    } catch (error) {
      failure = error;
    }
    const client = clientVersion(deps, apiVersion, choice.context);
    if (options.format !== '')
      io.stdout.write(`${formatObject({ Client: client, Server: server ?? null }, options.format)}\n`);
    else io.stdout.write(formatClient(client) + (server ? formatServer(server) : ''));
    return failure === undefined ? 0 : reportError(io.stderr, failure);
  },
});

interface ClientVersion {
  Version: string;
  ApiVersion: string;
  GitCommit: string;
  BuildTime: string;
  Os: string;
  Arch: string;
  Context: string;
}

function clientVersion({ version }: CliDeps, apiVersion: string, context: string): ClientVersion {
  return {
    Version: version.version,
    ApiVersion: apiVersion,
    GitCommit: version.gitCommit,
    BuildTime: version.buildTime,
    Os: process.platform,
    Arch: process.arch === 'x64' ? 'amd64' : process.arch,
    Context: context,
  };
}

const lines = (indent: string, width: number, pairs: readonly [string, string][]): string =>
  pairs
    .filter(([, value]) => value !== '')
    .map(([name, value]) => `${indent}${`${name}:`.padEnd(width)}${value}\n`)
    .join('');

function formatClient(client: ClientVersion): string {
  return `Client: Silo\n${lines(' ', 19, [
    ['Version', client.Version],
    ['API version', client.ApiVersion],
    ['Git commit', client.GitCommit],
    ['Built', client.BuildTime],
    ['OS/Arch', `${client.Os}/${client.Arch}`],
    ['Context', client.Context],
  ])}`;
}

function formatServer(server: VersionJson): string {
  const engine = lines('  ', 18, [
    ['Version', server.Version],
    ['API version', `${server.ApiVersion} (minimum version ${server.MinAPIVersion})`],
    ['Git commit', server.GitCommit],
    ['Built', server.BuildTime],
    ['OS/Arch', `${server.Os}/${server.Arch}`],
    ['Experimental', String(server.Experimental ?? false)],
  ]);
  const others = (server.Components ?? []).filter((component) => component.Name !== 'Engine');
  const components = others.map((component) => {
    const commit = component.Details?.['GitCommit'];
    const pairs: [string, string][] = [['Version', component.Version]];
    if (commit !== undefined) pairs.push(['GitCommit', commit]);
    return ` ${component.Name}:\n${lines('  ', 18, pairs)}`;
  });
  return `\nServer: ${server.Platform?.Name ?? ''}\n Engine:\n${engine}${components.join('')}`;
}
