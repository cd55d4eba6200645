import { readdir } from 'node:fs/promises';

/** What this process holds (proc_pid_fd(5), proc_pid_task(5)). */
export interface OwnProcess {
  descriptors: number;
  threads: number;
}

export async function readOwnProcess(): Promise<OwnProcess> {
  const [descriptors, threads] = await Promise.all(
    ['fd', 'task'].map(async (folder) => (await readdir(`/proc/self/${folder}`)).length),
  );
  return { descriptors: descriptors ?? 0, threads: threads ?? 0 };
}
