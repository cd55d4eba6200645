import { join } from 'node:path';
import type { ContainerId, ExecId } from '../../../foundation/base/ids.ts';

/**
 * Where the driver keeps things. Folders of containers have 64 hexadecimal digits as their name, so they never meet the others.
 * Nothing here needs to survive a reboot.
 */
export interface Layout {
  /** conmon writes a file named after the container here when it has ended; one inotify watches it. */
  exits: string;
  container(id: ContainerId): ContainerPaths;
  exec(id: ContainerId, execId: ExecId): ExecPaths;
  /** State folder of a runtime (`--root`). */
  runtimeRoot(name: string): string;
}

export interface MonitorPaths {
  /** Bundle for conmon: its sockets and pipes are made here, and its working folder, where it leaves `oom`. */
  folder: string;
  pidFile: string;
  attachSocket: string;
  controlPipe: string;
  /** What the monitor is, written by us right after it was spawned. */
  monitorFile: string;
}

export interface ContainerPaths extends MonitorPaths {
  config: string;
  /** `ContainerRecord`. */
  record: string;
  /** conmon's copy of the exit code that stays until the container is deleted. */
  exitFile: string;
  oomFile: string;
  /** The same code, in the watched folder. */
  exitNotice: string;
  execs: string;
}

export interface ExecPaths extends MonitorPaths {
  process: string;
  exitFile: string;
}

export function createLayout(root: string): Layout {
  const exits = join(root, 'exits');
  const containerFolder = (id: ContainerId): string => join(root, id);
  return {
    exits,
    runtimeRoot: (name) => join(root, 'runtimes', name),
    container(id) {
      const folder = containerFolder(id);
      return {
        ...monitorPaths(folder),
        config: join(folder, 'config.json'),
        record: join(folder, 'record.json'),
        exitFile: join(folder, 'exit'),
        oomFile: join(folder, 'oom'),
        exitNotice: join(exits, id),
        execs: join(folder, 'execs'),
      };
    },
    exec(id, execId) {
      const folder = join(containerFolder(id), 'execs', execId);
      // conmon names the exit file after the container, also for an exec.
      return { ...monitorPaths(folder), process: join(folder, 'process.json'), exitFile: join(folder, id) };
    },
  };
}

function monitorPaths(folder: string): MonitorPaths {
  return {
    folder,
    pidFile: join(folder, 'pidfile'),
    attachSocket: join(folder, 'attach'),
    controlPipe: join(folder, 'ctl'),
    monitorFile: join(folder, 'monitor.json'),
  };
}
