import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type Case, timed } from '../case.ts';
import { command } from '../command.ts';
import { type Engine, refuseErrors } from '../engines/engine.ts';
import type { Fixtures } from '../fixtures/fixtures.ts';

const repository = 'localhost/silobench/built';

/** `POST /build`, which every engine has: Docker's classic builder, Podman's buildah. */
async function build({ api }: Pick<Engine, 'api'>, tar: string, query: string): Promise<void> {
  const reply = await api.call('POST', `/build?t=${repository}:1&${query}`, { file: tar });
  refuseErrors(reply.text);
}

interface Context {
  dockerfile: string;
  files?: { count: number; bytes: number };
}

async function pack(fixtures: Fixtures, { dockerfile, files }: Context): Promise<string> {
  const folder = await fixtures.emptyFolder();
  await writeFile(join(folder, 'Dockerfile'), dockerfile);
  for (let index = 0; index < (files?.count ?? 0); index++) {
    const place = join(folder, 'files', `folder-${index % 40}`);
    await mkdir(place, { recursive: true });
    await writeFile(join(place, `file-${index}`), Buffer.alloc(files?.bytes ?? 0, `${index} `));
  }
  const tar = join(await fixtures.emptyFolder(), 'context.tar');
  await command(['tar', '-C', folder, '-cf', tar, '.']);
  return tar;
}

const buildCase = (
  about: Pick<Case, 'name' | 'title' | 'runs' | 'target'>,
  context: (image: string) => Context,
  query: string,
): Case => ({
  ...about,
  unit: 'ms',
  async prepare(engine, fixtures) {
    const tar = await pack(fixtures, context(engine.image));
    // Bases are unpacked, and for the cached row all steps are known.
    await build(engine, tar, '');
    return {
      once: () => timed(() => build(engine, tar, query)),
      async cleanup() {
        await engine.api.call('DELETE', `/images/${repository}:1?force=true`, { accept: [404] });
        await engine.api.call('POST', '/build/prune?all=true', { accept: [404] });
      },
    };
  },
});

const trivial = (image: string): Context => ({
  dockerfile: [
    `FROM ${image}`,
    ...Array.from({ length: 10 }, (_, index) => `RUN echo ${index} > /file-${index}`),
    'COPY files /files',
    '',
  ].join('\n'),
  files: { count: 2000, bytes: 1000 },
});

const copied = (image: string): Context => ({
  dockerfile: `FROM ${image}\nCOPY files /files\n`,
  files: { count: 2000, bytes: 25_000 },
});

const work = 'i=0; while [ $i -lt 20000 ]; do i=$((i+1)); done; echo done > /out';
const stages = (image: string): Context => ({
  dockerfile: `FROM ${image} AS one\nRUN ${work}; true one\nFROM ${image} AS two\nRUN ${work}; true two\nFROM ${image}\nCOPY --from=one /out /one\nCOPY --from=two /out /two\n`,
});

export const buildCases: readonly Case[] = [
  buildCase(
    { name: 'build-cold', title: 'build: 10 trivial RUN, COPY of 2,000 files', runs: 3, target: 1500 },
    trivial,
    'nocache=1',
  ),
  buildCase({ name: 'build-cached', title: 'the same, nothing changed', runs: 6, target: 120 }, trivial, ''),
  buildCase({ name: 'build-stages', title: 'build: two independent stages', runs: 3 }, stages, 'nocache=1'),
  buildCase(
    { name: 'build-copy', title: 'build: COPY of 2,000 files (50 MB)', runs: 3 },
    copied,
    'nocache=1',
  ),
];
