import { copyFileSync, existsSync, mkdirSync } from 'node:fs';
import { dirname, join } from 'node:path';
import type { TestEngine } from '../e2e/harness.ts';
import { run, type Result } from '../e2e/run.ts';
import type { Client, World } from './client.ts';
import { addressOf, type Place, strangeName, trustedName } from './registries.ts';

/** The Docker CLI or our own, before a daemon of ours: the daemon speaks to the registry. */
export function throughEngine(program: 'docker' | 'silo', engine: TestEngine, world: World): Client {
  const call = (words: string[], config: string, input?: string): Promise<Result> => {
    const { command, env } = engine.client(program, ...words);
    return run(command, {
      env: { ...env, DOCKER_CONFIG: config },
      ...(input === undefined ? {} : { input }),
    });
  };
  const host = (place: Place, name = trustedName): string =>
    place.kind === 'tls' ? `${name}:${place.port}` : addressOf(place);
  const configured = (place: Place, account: 'right' | 'wrong'): string =>
    dirname(world.accountFile(place, account));
  let local: Promise<string> | undefined;
  return {
    async push(place, name) {
      const config = configured(place, 'right');
      local ??= load(engine, program, world);
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
        : call(['pull', `${host(place, strangeName)}/${name}`], configured(place, 'right')),
  };
}

async function load(engine: TestEngine, program: 'docker' | 'silo', world: World): Promise<string> {
  const archive = join(world.folder, `${program}.tar`);
  const name = `loaded-by-${program}:1`;
  const words = ['copy', '-q', `oci:${world.layouts.pushed}:latest`, `docker-archive:${archive}:${name}`];
  world.good(await run(['skopeo', '--insecure-policy', ...words]));
  world.good(await engine[program]('load', '-q', '-i', archive));
  return name;
}
