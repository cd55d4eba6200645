import { conflict } from '../../../foundation/base/errors.ts';
import { toInside } from '../../../foundation/kernel/id-mapping.ts';
import { containerProcesses } from '../../../foundation/kernel/cgroup.ts';
import type { ContainerQueries } from '../container.ts';
import { type Context, publish } from '../context.ts';
import { readProcess, readThreads } from './process-facts.ts';
import { formatProcesses } from './process-list.ts';
import { isRunning } from '../state.ts';

/** Reads the host's `/proc`; nothing is executed, least of all anything of the image (attack list row 28). */
export const createTop =
  (context: Context): ContainerQueries['top'] =>
  async (nameOrId, psArgs) => {
    const record = context.store.get(nameOrId);
    if (!isRunning(record.state))
      throw conflict(`container ${record.id} is not running`, { code: 'not-running' });
    const words = psArgs.split(/\s+/).filter((word) => word !== '');
    const pids = await containerProcesses(record.state.pid);
    const processes = (await Promise.all(pids.map(readProcess))).filter((process) => process !== undefined);
    const ids = context.idRanges.of(record.id);
    const inside = (kind: 'users' | 'groups', id: number): number => (ids && toInside(ids[kind], id)) ?? id;
    const shown = processes.map((found) => ({
      ...found,
      user: inside('users', found.user),
      realUser: inside('users', found.realUser),
      userGroup: inside('groups', found.userGroup),
    }));
    const answer = await formatProcesses(shown, words.length === 0 ? ['-ef'] : words, readThreads);
    publish(context, record, 'top');
    return answer;
  };
