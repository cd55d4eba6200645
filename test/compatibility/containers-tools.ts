import { mkdtempSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { run, type Result } from '../e2e/run.ts';
import { digestOf, type SampleImage } from '../registry/sample-image.ts';
import type { Client, World } from './client.ts';
import { addressOf, type Place } from './registries.ts';

/** How skopeo, Podman and Buildah are told where trust and accounts are. */
function trust(place: Place, prefix = ''): string[] {
  return place.kind === 'tls'
    ? [`--${prefix}cert-dir=${place.authorities}`]
    : [`--${prefix}tls-verify=false`];
}

export function skopeo(world: World): Client {
  const call = (
    place: Place,
    words: string[],
    account: 'right' | 'wrong' | 'none' = 'right',
  ): Promise<Result> =>
    run(['skopeo', '--insecure-policy', ...words], {
      env: { REGISTRY_AUTH_FILE: world.accountFile(place, account) },
    });
  const copy = (place: Place, from: string, to: string, ...more: string[]): Promise<Result> =>
    call(place, ['copy', '-q', ...more, from, to]);
  const there = (place: Place, name: string): string => `docker://${addressOf(place)}/${name}`;
  return {
    async push(place, name) {
      world.good(
        await copy(place, `oci:${world.layouts.pushed}:latest`, there(place, name), ...trust(place, 'dest-')),
      );
    },
    async pull(place, name) {
      const to = mkdtempSync(join(world.folder, 'skopeo-'));
      world.good(await copy(place, there(place, name), `dir:${to}`, ...trust(place, 'src-')));
      return configDigest(readFileSync(join(to, 'manifest.json')));
    },
    async copyIndex(place, from, to) {
      const layout = `oci:${mkdtempSync(join(world.folder, 'skopeo-'))}:latest`;
      world.good(await copy(place, there(place, from), layout, '--all', ...trust(place, 'src-')));
      world.good(await copy(place, layout, there(place, to), '--all', ...trust(place, 'dest-')));
    },
    async listTags(place, name) {
      const result = world.good(await call(place, ['list-tags', ...trust(place), there(place, name)]));
      return (JSON.parse(result.stdout) as { Tags: string[] }).Tags;
    },
    async remove(place, name) {
      world.good(await call(place, ['delete', ...trust(place), there(place, name)]));
    },
    logIn: (place, file) => logIn('skopeo', place, file),
    refused: (place, name, why) =>
      why === 'password'
        ? call(place, ['inspect', ...trust(place), there(place, name)], 'wrong')
        : call(place, ['inspect', there(place, name)]),
  };
}

/** Podman and Buildah keep images in a store of their own, here in the world's folder. */
export function podmanLike(program: 'podman' | 'buildah', world: World): Client {
  const at = (name: string): string => join(world.folder, `${program}-${name}`);
  const store = ['--root', at('root'), '--runroot', at('run'), '--storage-driver', 'vfs'];
  const call = (place: Place, words: string[], account: 'right' | 'wrong' = 'right'): Promise<Result> =>
    run([program, ...store, ...words], {
      env: {
        REGISTRY_AUTH_FILE: world.accountFile(place, account),
        SSL_CERT_FILE: join(place.authorities, 'ca.crt'),
        TMPDIR: world.folder,
      },
    });
  const there = (place: Place, name: string): string => `docker://${addressOf(place)}/${name}`;
  // Podman asks the registry again each time, Buildah when it is told.
  const pull = program === 'buildah' ? ['pull', '--policy=always'] : ['pull'];
  let local: Promise<string> | undefined;
  return {
    async push(place, name) {
      local ??= call(place, ['pull', '-q', `oci:${world.layouts.pushed}:latest`]).then((result) =>
        world.good(result).stdout.trim(),
      );
      world.good(await call(place, ['push', '-q', ...trust(place), await local, there(place, name)]));
    },
    async pull(place, name) {
      // What is there already is not fetched.
      await call(place, ['rmi', '-f', world.pulledId]);
      const pulled = world.good(await call(place, [...pull, '-q', ...trust(place), there(place, name)]));
      return `sha256:${pulled.stdout.trim()}`;
    },
    async listTags(place, name) {
      // Its search knows no folder of certificates: the authority comes by the environment. Whatever the format, it prints a table.
      const plain = place.kind === 'tls' ? [] : ['--tls-verify=false'];
      const words = ['search', '--list-tags', ...plain, `${addressOf(place)}/${name}`];
      const [, ...rows] = world
        .good(await call(place, words))
        .stdout.trim()
        .split('\n');
      return rows.map((row) => row.trim().split(/ +/)[1] ?? '');
    },
    ...(program === 'buildah'
      ? {}
      : {
          async search(place, word) {
            const plain = place.kind === 'tls' ? [] : ['--tls-verify=false'];
            const words = ['search', '--format={{.Name}}', ...plain, `${addressOf(place)}/${word}`];
            return world
              .good(await call(place, words))
              .stdout.trim()
              .split('\n');
          },
        }),
    logIn: (place, file) => logIn(program, place, file),
    refused: (place, name, why) =>
      why === 'password'
        ? call(place, [...pull, ...trust(place), there(place, name)], 'wrong')
        : run([program, ...store, ...pull, there(place, name)], { env: { TMPDIR: world.folder } }),
  };
}

async function logIn(program: string, place: Place, file: string): Promise<Result> {
  const { username, password } = place.accounts;
  writeFileSync(file, '{}');
  const words = [
    'login',
    `--authfile=${file}`,
    ...trust(place),
    `--username=${username}`,
    '--password-stdin',
  ];
  return run([program, ...words, addressOf(place)], { input: password });
}

function configDigest(manifest: Buffer): string {
  return (JSON.parse(manifest.toString()) as { config: { digest: string } }).config.digest;
}

/** The digest of what a tag points at, as the sample was made. */
export const topDigest = (image: SampleImage): string =>
  digestOf(image.documents[0]?.bytes ?? Buffer.alloc(0));
