import { spawn, spawnSync } from 'node:child_process';

const receiving = `use Socket; $| = 1; socket(S, AF_UNIX, SOCK_DGRAM, 0) && bind(S, sockaddr_un($ARGV[0])) or die $!;
print pack('N', 0); while (defined recv(S, $b, 300000, 0)) { print pack('N', length $b), $b }`;

/** No JavaScript runtime binds a datagram socket of the unix family. */
export const noDatagrams =
  spawnSync('perl', ['-MSocket', '-e', '1']).status === 0
    ? undefined
    : 'perl is not installed, which receives datagrams';

export interface DatagramServer extends Disposable {
  datagrams(): Buffer[];
}

/** A socket like that of a journal or of /dev/log. */
export async function receiveDatagrams(path: string): Promise<DatagramServer> {
  const child = spawn('perl', ['-e', receiving, path], { stdio: ['ignore', 'pipe', 'inherit'] });
  const seen: Buffer[] = [];
  let rest = Buffer.alloc(0);
  const bound = Promise.withResolvers<void>();
  child.once('exit', () => bound.reject(new Error(`no socket at ${path}`)));
  child.stdout.on('data', (chunk: Buffer) => {
    rest = Buffer.concat([rest, chunk]);
    while (rest.length >= 4) {
      const end = 4 + rest.readUInt32BE(0);
      if (rest.length < end) return;
      if (end === 4) bound.resolve();
      else seen.push(rest.subarray(4, end));
      rest = rest.subarray(end);
    }
  });
  await bound.promise;
  return { datagrams: () => seen, [Symbol.dispose]: () => void child.kill('SIGKILL') };
}

/** Fields of a message of the journal's native protocol. */
export function readJournalMessage(datagram: Buffer): Record<string, string> {
  const fields: Record<string, string> = {};
  for (let at = 0; at < datagram.length;) {
    const lineEnd = datagram.indexOf('\n', at);
    const line = datagram.toString('utf8', at, lineEnd);
    const equals = line.indexOf('=');
    if (equals >= 0) {
      fields[line.slice(0, equals)] = line.slice(equals + 1);
      at = lineEnd + 1;
    } else {
      const start = lineEnd + 9;
      const end = start + Number(datagram.readBigUInt64LE(lineEnd + 1));
      fields[line] = datagram.toString('utf8', start, end);
      at = end + 1;
    }
  }
  return fields;
}
