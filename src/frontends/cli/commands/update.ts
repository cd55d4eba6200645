import type { ContainerUpdateBody } from '../../../foundation/wire/docker/container.ts';
import { invalid } from '../../../foundation/base/errors.ts';
import { defineCommand } from '../command.ts';
import { forEachTarget } from '../output/targets.ts';
import { parsePublish } from '../parse/port.ts';
import { parseRestartPolicy } from '../parse/restart-policy.ts';

/** Which field of the request each option sets. */
const fields = {
  'blkio-weight': 'BlkioWeight',
  'cpu-period': 'CpuPeriod',
  'cpu-quota': 'CpuQuota',
  'cpu-rt-period': 'CpuRealtimePeriod',
  'cpu-rt-runtime': 'CpuRealtimeRuntime',
  'cpu-shares': 'CpuShares',
  cpus: 'NanoCpus',
  'cpuset-cpus': 'CpusetCpus',
  'cpuset-mems': 'CpusetMems',
  memory: 'Memory',
  'memory-reservation': 'MemoryReservation',
  'memory-swap': 'MemorySwap',
  'pids-limit': 'PidsLimit',
} as const;

export const command = defineCommand({
  name: 'update',
  summary: 'Update configuration of one or more containers',
  usage: 'CONTAINER [CONTAINER...]',
  aliases: ['container update', 'update'],
  options: {
    'blkio-weight': {
      kind: 'uint16',
      shown: '0',
      summary: 'Block IO (relative weight), between 10 and 1000, or 0 to disable',
    },
    'cpu-period': { kind: 'int', summary: 'Limit CPU CFS (Completely Fair Scheduler) period' },
    'cpu-quota': { kind: 'int', summary: 'Limit CPU CFS (Completely Fair Scheduler) quota' },
    'cpu-rt-period': { kind: 'int', summary: 'Limit the CPU real-time period in microseconds' },
    'cpu-rt-runtime': { kind: 'int', summary: 'Limit the CPU real-time runtime in microseconds' },
    'cpu-shares': { kind: 'int', short: 'c', summary: 'CPU shares (relative weight)' },
    cpus: { kind: 'decimal', summary: 'Number of CPUs' },
    'cpuset-cpus': { kind: 'string', summary: 'CPUs in which to allow execution (0-3, 0,1)' },
    'cpuset-mems': { kind: 'string', summary: 'MEMs in which to allow execution (0-3, 0,1)' },
    memory: { kind: 'bytes', short: 'm', summary: 'Memory limit' },
    'memory-reservation': { kind: 'bytes', summary: 'Memory soft limit' },
    'memory-swap': {
      kind: 'bytes',
      summary: 'Swap limit equal to memory plus swap: -1 to enable unlimited swap',
    },
    'pids-limit': { kind: 'int', summary: 'Tune container pids limit (set -1 for unlimited)' },
    'publish-add': { kind: 'list', summary: "Publish a container's port(s) to the host from now on" },
    'publish-rm': {
      kind: 'list',
      summary:
        'Publish a port no longer: as it was published, or a container port alone for all of its host ports',
    },
    restart: { kind: 'string', summary: 'Restart policy to apply when a container exits' },
  },
  args: { min: 1 },
  completion: 'containers',
  examples: ['silo update --memory 1g web', 'silo update --publish-add 8443:443 --publish-rm 8080:80 web'],
  async run(invocation) {
    const { options, given, io } = invocation;
    if (given.size === 0) throw invalid('you must provide one or more flags when using this command');
    const changes = Object.entries(fields).flatMap(([option, field]) =>
      given.has(option) ? [[field, options[option as keyof typeof fields]] as const] : [],
    );
    const body: ContainerUpdateBody = {
      ...Object.fromEntries(changes),
      ...(given.has('publish-add') ? { PublishAdd: parsePublish(options['publish-add']).bindings } : {}),
      ...(given.has('publish-rm') ? { PublishRemove: parsePublish(options['publish-rm']).bindings } : {}),
      ...(given.has('restart') ? { RestartPolicy: parseRestartPolicy(options.restart) } : {}),
    };
    return await forEachTarget(invocation, async (client, id) => {
      const { Warnings: warnings } = await client.containers.update(id, body);
      for (const warning of warnings ?? []) io.stderr.write(`${warning}\n`);
    });
  },
});
