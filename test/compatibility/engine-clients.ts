import { copyFileSync, existsSync, mkdirSync } from 'node:fs';
import { dirname, join } from 'node:path';
import type { TestEngine } from '../e2e/harness.ts';
import { run, type Result } from '../e2e/run.ts';
import type { Client, World } from './client.ts';
import { addressOf, type Place, strangeName, trustedName } from './registries.ts';

/** A command line client before a daemon; it is the daemon that speaks to the registry. */
export interface DaemonClient {
  /** `config` is the folder with the client's `config.json`. */
  call: (words: string[], config: string, input?: string) => Promise<Result>;
  /** The registry as the daemon must name it, with its authority known or not. */
  hostOf: (place: Place, authority: 'known' | 'unknown') => string;
  /** Small letters. */
  name: string;
}

/** The Docker CLI or our own before a daemon of ours, which knows names for loopback. */
export function beforeEngine(program: 'docker' | 'silo', engine: TestEngine): DaemonClient {
  return {
    name: program,
    call(words, config, input) {
      const { command, env } = engine.client(program, ...words);
      return run(command, {
        env: { ...env, DOCKER_CONFIG: config },
        ...(input === undefined ? {} : { input }),
      });
    },
    hostOf(place, authority) {
      const name = authority === 'known' ? trustedName : strangeName;
      return place.kind === 'tls' ? `${name}:${place.port}` : addressOf(place);
    },
  };
}

/** A real Docker; on loopback it takes any certificate. */
export function beforeDocker(socket: string): DaemonClient {
  return {
    name: 'dockerd',
    call: (words, config, input) =>
      run(['docker', '-H', socket, ...words], {
        env: { DOCKER_CONFIG: config, DOCKER_CONTEXT: '', DOCKER_HOST: '' },
        ...(input === undefined ? {} : { input }),
      }),
    hostOf: addressOf,
  };
}

export function throughDaemon({ call, hostOf, name: program }: DaemonClient, world: World): Client {
  const host = (place: Place): string => hostOf(place, 'known');
  const configured = (place: Place, account: 'right' | 'wrong'): string =>
    dirname(world.accountFile(place, account));
  const load = async (config: string): Promise<string> => {
    const archive = join(world.folder, `${program}.tar`);
    const name = `loaded-by-${program}:1`;
    const words = ['copy', '-q', `oci:${world.layouts.pushed}:latest`, `docker-archive:${archive}:${name}`];
    world.good(await run(['skopeo', '--insecure-policy', ...words]));
    world.good(await call(['load', '-q', '-i', archive], config));
    return name;
  };
  let local: Promise<string> | undefined;
  return {
    async push(place, name) {
      const config = configured(place, 'right');
      local ??= load(config);
      const target = `${host(place)}/${name}`;
      world.good(await call(['tag', await local, target], config));
      world.good(await call(['push', '-q', target], config));
    },
    async pull(place, name) {
      const config = configured(place, 'right');
      await call(['rmi', '-f', world.pulledId], config);
      const source = `${host(place)}/${name}`;
      world.good(await call(['pull', '-q', source], config));
      return world.good(await call(['inspect', '--format={{.Id}}', source], config)).stdout.trim();
    },
    async copyIndex(place, from, to) {
      const config = configured(place, 'right');
      const [source, target] = [`${host(place)}/${from}`, `${host(place)}/${to}`];
      world.good(await call(['pull', '-q', '--all-platforms', source], config));
      world.good(await call(['tag', source, target], config));
      world.good(await call(['push', '-q', target], config));
    },
    async search(place, word) {
      const words = ['search', '--format={{.Name}}', `${host(place)}/${word}`];
      return world
        .good(await call(words, configured(place, 'right')))
        .stdout.trim()
        .split('\n');
    },
    async logIn(place, file) {
      const { username, password } = place.accounts;
      const config = `${file}-folder`;
      mkdirSync(config, { recursive: true });
      const words = ['login', '-u', username, '--password-stdin', host(place)];
      const result = await call(words, config, password);
      if (existsSync(join(config, 'config.json'))) copyFileSync(join(config, 'config.json'), file);
      return result;
    },
    refused: (place, name, why) =>
      why === 'password'
        ? call(['pull', `${host(place)}/${name}`], configured(place, 'wrong'))
        : call(['pull', `${hostOf(place, 'unknown')}/${name}`], configured(place, 'right')),
    async leave() {
      const config = world.folder;
      await call(['rmi', '-f', world.pulledId, world.pushedId], config);
    },
  };
}
