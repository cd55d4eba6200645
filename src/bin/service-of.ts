import { execFile } from 'node:child_process';
import { readFile } from 'node:fs/promises';

const deadlineMs = 10_000;

/** The systemd service whose main process this is: one that a service merely started is no service. */
export async function serviceOf(pid: number): Promise<string | undefined> {
  const [environment = '', groups = ''] = await Promise.all(
    ['environ', 'cgroup'].map((file) => readFile(`/proc/${pid}/${file}`, 'utf8').catch(() => '')),
  );
  return await findService({ pid, environment, groups }, mainPidOf);
}

/**
 * systemd.exec(5): since version 248 `SYSTEMD_EXEC_PID` tells it, and is inherited with the number of another process. Where nothing says so, the control
 * group does (cgroups(7)), together with what `mainPid` says of the service; a service that it does not know is believed to be one.
 */
export async function findService(
  { pid, environment, groups }: { pid: number; environment: string; groups: string },
  mainPid: (unit: string) => Promise<number | undefined>,
): Promise<string | undefined> {
  const unit = /\/([^/\n]+\.service)$/m.exec(groups)?.[1];
  const told = environment.split('\0').find((entry) => entry.startsWith('SYSTEMD_EXEC_PID='));
  if (told !== undefined) return told === `SYSTEMD_EXEC_PID=${pid}` ? (unit ?? 'silo.service') : undefined;
  if (unit === undefined) return undefined;
  const main = await mainPid(unit);
  return main === undefined || main === pid ? unit : undefined;
}

/** Undefined when systemd does not tell. */
async function mainPidOf(unit: string): Promise<number | undefined> {
  const words = ['show', '--property=MainPID', '--value', '--', unit];
  return await new Promise((resolve) => {
    execFile('systemctl', words, { timeout: deadlineMs }, (error, stdout) => {
      const found = Number(stdout.trim());
      resolve(error === null && found > 0 ? found : undefined);
    });
  });
}
