import { spawn } from 'node:child_process';
import { Duplex } from 'node:stream';
import type { Host } from './host.ts';
import { startWithUs } from './ssh-children.ts';

type SshHost = Extract<Host, { kind: 'ssh' }>;

/**
 * A connection to the engine of another machine: what `silo system dial-stdio` there says, through ssh(1). Like Docker's, it is a session of its own:
 * an interrupt on the terminal is ours to forward, and nobody is asked for passwords (keys and agents work).
 */
export function dialOverSsh(host: SshHost): Duplex & { ref(): void; unref(): void } {
  const child = startWithUs(() =>
    spawn('ssh', sshWords(host), { stdio: ['pipe', 'pipe', 'inherit'], detached: true }),
  );
  const { stdin, stdout } = child;
  const duplex = new Duplex({
    allowHalfOpen: true,
    read: () => void stdout.resume(),
    write(chunk: Buffer, _encoding, done) {
      if (stdin.write(chunk)) done();
      else stdin.once('drain', () => done());
    },
    final: (done) => void stdin.end(() => done()),
    destroy(error, done) {
      child.kill();
      done(error);
    },
  });
  stdout.on('data', (chunk: Buffer) => {
    if (!duplex.push(chunk)) stdout.pause();
  });
  stdout.once('end', () => void duplex.push(null));
  stdin.on('error', (error) => void duplex.destroy(error));
  child.once('error', (error) => void duplex.destroy(error));
  child.once('exit', (code) => {
    if (code !== 0 && code !== null) duplex.destroy(new Error(`ssh ended with exit code ${code}`));
  });
  // Whoever waits for the event listens only after this call.
  child.once('spawn', () => setImmediate(() => duplex.emit('connect')));
  return Object.assign(duplex, { ref: () => child.ref(), unref: () => child.unref() });
}

function sshWords({ hostname, port, path }: SshHost): string[] {
  const place = port === undefined ? [] : ['-p', String(port)];
  const socket = path === undefined ? [] : ['-H', `unix://${path}`];
  return [
    '-o',
    'ConnectTimeout=30',
    '-T',
    ...place,
    '--',
    hostname,
    'silo',
    ...socket,
    'system',
    'dial-stdio',
  ];
}
