import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { eventually } from '../e2e/footprint.ts';
import { run } from '../e2e/run.ts';

export interface RealDocker extends AsyncDisposable {
  readonly socket: string;
  readonly version: string;
}

const peers = process.env['SILO_PEERS'] ?? join(import.meta.dir, '../../../shared/tools/peers');

/** The program that runs commands in a root folder where a real Docker is installed (`peers run COMMAND…`), when there is one. */
export const peersProgram: string | undefined = existsSync(peers) ? peers : undefined;

/**
 * A dockerd of its own, in a network namespace of its own, so that neither the machine's firewall nor another dockerd is touched. With
 * `hostNetwork` it can reach servers on loopback, and makes no network.
 */
export async function startRealDocker(options: { hostNetwork?: boolean } = {}): Promise<RealDocker> {
  if (!peersProgram) throw new Error('no peers program: name it with SILO_PEERS');
  await using undo = new AsyncDisposableStack();
  // The peers' root sees this machine's /tmp.
  const folder = await mkdtemp(join(tmpdir(), 'silo-real-'));
  undo.defer(() => rm(folder, { recursive: true, force: true }));
  const socket = join(folder, 'docker.sock');
  const places = `--data-root ${folder}/data --exec-root ${folder}/exec --pidfile ${folder}/pid`;
  const network = options.hostNetwork ? '--bridge none --iptables=false --ip6tables=false' : '';
  const inside = `mount --bind /hosttmp /tmp && exec dockerd ${places} ${network} --host unix://${socket}`;
  const script = `ip link set lo up; exec "$0" run sh -c '${inside}'`;
  const words = [...(options.hostNetwork ? [] : ['-n']), 'sh', '-c', script, peersProgram];
  const daemon = spawn('unshare', words, { stdio: ['ignore', 'ignore', 'pipe'] });
  let log = '';
  daemon.stderr.on('data', (chunk: Buffer) => void (log = (log + chunk.toString()).slice(-4000)));
  const ended = new Promise((resolve) => daemon.once('close', resolve));
  undo.defer(async () => {
    const pid = Number(await readFile(join(folder, 'pid'), 'utf8').catch(() => '0'));
    if (pid > 0) process.kill(pid, 'SIGTERM');
    else daemon.kill('SIGKILL');
    await ended;
    await run(['umount', '-q', `${folder}/exec/netns/default`]);
  });
  const answers = (): Promise<boolean> =>
    fetch('http://localhost/_ping', { unix: socket }).then(
      (response) => response.ok,
      () => false,
    );
  if (!(await eventually(answers, 60_000))) throw new Error(`dockerd did not start:\n${log}`);
  const told = await fetch('http://localhost/version', { unix: socket });
  const { Version: version } = (await told.json()) as { Version: string };
  const kept = undo.move();
  return { socket, version, [Symbol.asyncDispose]: () => kept.disposeAsync() };
}
