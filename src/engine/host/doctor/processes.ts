import { readdir, readFile } from 'node:fs/promises';

export interface RunningProcess {
  pid: number;
  /** At most 15 characters (proc_pid_comm(5)). */
  name: string;
  arguments: string[];
}

/** All processes that this one may see. */
export async function listProcesses(): Promise<RunningProcess[]> {
  const pids = (await readdir('/proc')).filter((name) => /^\d+$/.test(name));
  const found = await Promise.all(pids.map(readProcess));
  return found.filter((entry) => entry !== undefined);
}

async function readProcess(pid: string): Promise<RunningProcess | undefined> {
  try {
    const [name, line] = await Promise.all([
      readFile(`/proc/${pid}/comm`, 'utf8'),
      readFile(`/proc/${pid}/cmdline`, 'utf8'),
    ]);
    return { pid: Number(pid), name: name.trimEnd(), arguments: line.split('\0').slice(0, -1) };
  } catch {
    return undefined;
  }
}
