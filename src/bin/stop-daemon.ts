import { readdir, readFile, readlink } from 'node:fs/promises';
import { conflict, notFound, timedOut, unsupported } from '../foundation/base/errors.ts';
import { watchPid } from '../foundation/kernel/pidfd.ts';
import { createReactor } from '../foundation/kernel/reactor.ts';
import { parseHost } from '../frontends/client/host.ts';

/** An engine closes its streams and writes its database; more than this is a fault. */
const deadlineMs = 60_000;

/** Ends the engine that listens at `host` and waits for its end; containers go on. Resolves to its process id. */
export async function stopDaemon({ host }: { host: string }): Promise<number> {
  const address = parseHost(host);
  if (address.kind !== 'unix')
    throw unsupported(`only an engine of this machine can be stopped, not ${host}`, {
      hint: 'run `silo daemon stop` there',
    });
  const pid = await findListener(address.path);
  if (pid === undefined)
    throw notFound(`no engine listens at ${address.text}`, {
      hint: 'only root sees the engines of root; another one is chosen with -H',
    });
  const unit = await findUnit(pid);
  if (unit !== undefined)
    throw conflict(`the engine at ${address.text} is the service ${unit}, which would start it again`, {
      code: 'daemon-is-service',
      hint: `systemctl stop ${unit}`,
    });
  await end(pid);
  return pid;
}

/** proc_pid_net(5): whose socket listens under this name; of several the one that was bound last. */
async function findListener(path: string): Promise<number | undefined> {
  const [, ...rows] = (await readFile('/proc/self/net/unix', 'utf8')).trimEnd().split('\n');
  const listening = '00010000';
  const inodes = rows
    .map((row) => row.trim().split(/\s+/))
    .filter(([, , , flags, , , , name]) => flags === listening && name === path)
    .map((fields) => Number(fields[6]))
    .sort((a, b) => b - a);
  const [inode] = inodes;
  if (inode === undefined) return undefined;
  for (const pid of await readdir('/proc')) {
    if (!/^\d+$/.test(pid)) continue;
    const descriptors = await readdir(`/proc/${pid}/fd`).catch(() => []);
    const links = descriptors.map((fd) => readlink(`/proc/${pid}/fd/${fd}`).catch(() => ''));
    if ((await Promise.all(links)).includes(`socket:[${inode}]`)) return Number(pid);
  }
  return undefined;
}

/** The systemd service whose main process this is (systemd.exec(5), SYSTEMD_EXEC_PID): one that a service merely started is no service. */
async function findUnit(pid: number): Promise<string | undefined> {
  const [variables, groups] = await Promise.all(
    ['environ', 'cgroup'].map((file) => readFile(`/proc/${pid}/${file}`, 'utf8').catch(() => '')),
  );
  if (!variables?.split('\0').includes(`SYSTEMD_EXEC_PID=${pid}`)) return undefined;
  return /\/system\.slice\/([^/\n]+\.service)$/m.exec(groups ?? '')?.[1] ?? 'silo.service';
}

async function end(pid: number): Promise<void> {
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  const deadline = setTimeout(
    () =>
      reject(
        timedOut(`the engine (process ${pid}) does not end`, {
          hint: `its log tells why; kill -9 ${pid} harms no container`,
        }),
      ),
    deadlineMs,
  );
  try {
    using reactor = createReactor();
    using watch = watchPid(reactor, pid, resolve);
    if (watch === undefined) return;
    process.kill(pid, 'SIGTERM');
    await promise;
  } finally {
    clearTimeout(deadline);
  }
}
