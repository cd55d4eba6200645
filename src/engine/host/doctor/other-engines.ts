import { basename } from 'node:path';
import type { Findings } from './finding.ts';
import { listProcesses, type RunningProcess } from './processes.ts';

/** By process name, cut at 15 characters. */
const engines: Record<string, { name: string; effect: string }> = {
  dockerd: {
    name: 'Docker',
    effect: 'sets the policy of forwarded packets to DROP and filters bridged ones: see the firewall above',
  },
  containerd: { name: 'containerd', effect: 'keeps images and containers of its own' },
  crio: { name: 'CRI-O', effect: 'keeps images and containers of its own' },
  kubelet: {
    name: 'a Kubernetes kubelet',
    effect: 'removes what it finds when the disk is full, but only its own',
  },
  'k3s-server': { name: 'K3s', effect: 'runs a containerd and firewall rules of its own' },
};

export async function checkOtherEngines(): Promise<Findings> {
  return judgeProcesses(await listProcesses());
}

/** Pure. */
export function judgeProcesses(processes: readonly RunningProcess[]): Findings {
  const others = Object.entries(engines).flatMap(([process, { name, effect }]): Findings => {
    const pids = processes.filter((entry) => entry.name === process).map(({ pid }) => pid);
    return pids.length === 0
      ? []
      : [
          {
            status: 'note',
            title: `${name} runs on this machine (process ${pids.join(', ')})`,
            why: `It and Silo do not see each other's containers. It ${effect}.`,
          },
        ];
  });
  const daemons = processes.filter(isSiloDaemon).map(({ pid }) => pid);
  const own: Findings = [
    daemons.length === 0
      ? { status: 'ok', title: 'No Silo daemon runs', why: 'The first command that needs one starts it.' }
      : {
          status: 'ok',
          title: `${daemons.length === 1 ? 'A Silo daemon runs' : `${daemons.length} Silo daemons run`} (process ${daemons.join(', ')})`,
          why: 'Daemons with different roots, sockets and bridges can run side by side.',
        },
  ];
  return [...others, ...own];
}

/** `silo daemon`, as the single executable or from source under Bun, which may have flags of its own before the file. */
function isSiloDaemon({ arguments: [program = '', ...words] }: RunningProcess): boolean {
  const rest = words.filter((word) => !word.startsWith('-'));
  if (basename(program) === 'silo') return rest[0] === 'daemon';
  return basename(rest[0] ?? '') === 'silo.ts' && rest[1] === 'daemon';
}
