import { existsSync } from 'node:fs';
import { run } from '../e2e/run.ts';

export interface ComposeClient {
  name: string;
  command: string[];
  /** Between project, service and number in the names of containers. */
  separator: '-' | '_';
}

/** Compose 2 comes as a plugin of the Docker CLI or as a program; `PEERS_ROOT` is the root folder of the engines that Silo is compared with. */
const plugins = [
  process.env['SILO_COMPOSE'],
  '/usr/libexec/docker/cli-plugins/docker-compose',
  '/usr/lib/docker/cli-plugins/docker-compose',
  '/usr/local/lib/docker/cli-plugins/docker-compose',
  `${process.env['PEERS_ROOT'] ?? ''}/usr/libexec/docker/cli-plugins/docker-compose`,
];

/** The versions 1 and 2 of Compose that are installed here. */
export async function findComposeClients(): Promise<ComposeClient[]> {
  const places = ['/usr/bin/docker-compose', ...plugins].filter(
    (path): path is string => path !== undefined && existsSync(path),
  );
  const found = new Map<string, ComposeClient>();
  for (const path of places) {
    const { stdout } = await run([path, 'version', '--short']);
    const [major = ''] = stdout.trim().replace(/^v/, '').split('.');
    if ((major === '1' || major === '2') && !found.has(major))
      found.set(major, {
        name: `Compose ${major}`,
        command: [path],
        separator: major === '1' ? '_' : '-',
      });
  }
  return [...found.values()];
}
