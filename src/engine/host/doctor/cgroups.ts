import { mkdirSync, readFileSync, rmdirSync } from 'node:fs';
import { join } from 'node:path';
import { cgroupHost, type CgroupHost } from '../../../foundation/kernel/cgroup.ts';
import type { Findings, Subject } from './finding.ts';

/** What each controller is for; `names` as v1 and v2 call it. */
const controllers: { names: string[]; serves: string }[] = [
  { names: ['memory'], serves: '--memory' },
  { names: ['cpu'], serves: '--cpus' },
  { names: ['cpuset'], serves: '--cpuset-cpus' },
  { names: ['pids'], serves: '--pids-limit' },
  { names: ['io', 'blkio'], serves: '--blkio-weight' },
];

export function checkCgroups({ isRoot }: Pick<Subject, 'isRoot'>): Findings {
  const host = findHost();
  if (host === undefined)
    return [
      {
        status: 'problem',
        title: 'No cgroup file system is mounted',
        why: 'Each container is a group of processes with limits; the kernel shows these groups there.',
        fix: ['mount -t cgroup2 cgroup2 /sys/fs/cgroup'],
      },
    ];
  const available = controllersOf(host);
  return [
    describe(host, available),
    ...missingControllers(host, available),
    ...hybrid(host),
    ...(isRoot ? tryGroup(host) : []),
  ];
}

function findHost(): CgroupHost | undefined {
  try {
    return cgroupHost();
  } catch {
    return undefined;
  }
}

function controllersOf(host: CgroupHost): string[] {
  const unified =
    host.unified === undefined
      ? []
      : readFileSync(join(host.unified, 'cgroup.controllers'), 'utf8').split(/\s+/);
  return [...host.hierarchies.keys(), ...unified].filter((name) => name !== '' && !name.startsWith('name='));
}

function describe(host: CgroupHost, available: readonly string[]): Findings[number] {
  const why = `Controllers: ${available.join(' ')}.`;
  switch (host.mode) {
    case 'v2':
      return { status: 'ok', title: 'cgroups are version 2', why };
    case 'hybrid':
    case 'v1':
      return {
        status: 'note',
        title: `cgroups are version 1${host.mode === 'hybrid' ? ' with a version 2 tree beside them' : ''}`,
        why: `Silo works with it; version 2 accounts for memory better and hands groups to users safely. ${why}`,
        fix: ['boot with systemd.unified_cgroup_hierarchy=1 where systemd mounts them'],
      };
  }
}

export function missingControllers(host: CgroupHost, available: readonly string[]): Findings {
  return controllers
    .filter(({ names }) => !names.some((name) => available.includes(name)))
    .map(({ names, serves }) => ({
      status: names.includes('pids') || names.includes('memory') ? 'warning' : 'note',
      title: `There is no ${names[0]} controller`,
      why: `${serves} cannot be kept on this machine.`,
      fix: [
        names.includes('memory')
          ? 'boot with cgroup_enable=memory'
          : host.mode === 'v2'
            ? `echo +${names[0]} > ${host.unified}/cgroup.subtree_control`
            : `mkdir -p /sys/fs/cgroup/${names.at(-1)} && mount -t cgroup -o ${names.at(-1)} cgroup /sys/fs/cgroup/${names.at(-1)}`,
      ],
    }));
}

/** crun refuses a hybrid host while the version 2 tree still owns a controller. */
function hybrid(host: CgroupHost): Findings {
  if (host.mode !== 'hybrid' || host.unified === undefined) return [];
  const owned = readFileSync(join(host.unified, 'cgroup.controllers'), 'utf8').split(/\s+/).filter(Boolean);
  if (owned.length === 0) return [];
  const base = join(host.unified, '..');
  return [
    {
      status: 'note',
      title: `The version 2 tree still owns: ${owned.join(', ')}`,
      why: 'crun refuses to work while it does. The daemon gives each a version 1 hierarchy when it starts.',
      fix: owned.map(
        (name) => `mkdir -p ${base}/${name} && mount -t cgroup -o ${name} cgroup ${base}/${name}`,
      ),
    },
  ];
}

/** Makes an empty group and removes it. */
function tryGroup(host: CgroupHost): Findings {
  const base = host.hierarchies.get('pids') ?? host.hierarchies.get('memory') ?? host.unified;
  if (base === undefined) return [];
  const path = join(base, `silo-doctor-${process.pid}`);
  try {
    mkdirSync(path);
    rmdirSync(path);
    return [];
  } catch (error) {
    return [
      {
        status: 'problem',
        title: `No group can be made in ${base}`,
        why: `Each container is one. ${error instanceof Error ? error.message : String(error)}`,
        fix: [`mount -o remount,rw ${base} # it is mounted read-only inside of most containers`],
      },
    ];
  }
}
