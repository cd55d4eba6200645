import { createHash } from 'node:crypto';
import { chmod, copyFile, mkdir, readFile, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { run } from '../e2e/run.ts';

/** The machine's static busybox; without it there is nothing to run. */
export const busybox = '/bin/busybox';

const path = 'PATH=/bin:/sbin';
const created = '2024-01-02T03:04:05Z';
const createdLater = '2024-02-03T04:05:06Z';

export interface ImageFiles {
  /** For `docker load`. */
  images: string;
  /** For `docker import`. */
  rootfs: string;
}

/**
 * Writes an archive for `docker load` with two images: `busybox:latest`, and `app:1` above it, whose configuration uses every field. Both
 * engines get the same bytes, hence the same image ids.
 */
export async function writeImageArchive(folder: string): Promise<ImageFiles> {
  const stage = join(folder, 'stage');
  await mkdir(stage, { recursive: true });
  const base = await layer(stage, 'base', '0', baseTree);
  const program = await layer(stage, 'program', '0', programTree);
  const data = await layer(stage, 'data', '1000', dataTree);
  const plain = { Env: [path], Cmd: ['sh'] };
  const full = {
    User: '1000:1000',
    ExposedPorts: { '80/tcp': {}, '53/udp': {} },
    Env: [path, 'COLOUR=green'],
    Entrypoint: ['/entry'],
    Cmd: ['one', 'two'],
    Volumes: { '/data': {} },
    WorkingDir: '/srv',
    Labels: { 'org.example.kind': 'sample', tier: 'front' },
    StopSignal: 'SIGUSR1',
  };
  const busyboxHistory = { created, created_by: 'COPY rootfs / # base' };
  const appHistory = [
    busyboxHistory,
    { created: createdLater, created_by: 'COPY entry /entry', comment: 'second' },
    { created: createdLater, created_by: 'COPY data /data' },
    { created: createdLater, created_by: 'CMD ["one" "two"]', empty_layer: true },
  ];
  const images = [
    await config(stage, 'busybox:latest', { config: plain, layers: [base], history: [busyboxHistory] }),
    await config(stage, 'app:1', { config: full, layers: [base, program, data], history: appHistory }),
  ];
  await writeFile(join(stage, 'manifest.json'), JSON.stringify(images));
  const archive = join(folder, 'images.tar');
  await tar(archive, stage, '0');
  return { images: archive, rootfs: join(stage, base.file) };
}

interface Layer {
  file: string;
  diffId: string;
}

async function config(
  stage: string,
  name: string,
  parts: { config: object; layers: Layer[]; history: { created: string }[] },
): Promise<object> {
  const text = JSON.stringify({
    architecture: process.arch === 'arm64' ? 'arm64' : 'amd64',
    os: 'linux',
    created: parts.history.at(-1)?.created ?? created,
    config: parts.config,
    history: parts.history,
    rootfs: { type: 'layers', diff_ids: parts.layers.map((each) => each.diffId) },
  });
  const file = `${sha256(text)}.json`;
  await writeFile(join(stage, file), text);
  return { Config: file, RepoTags: [name], Layers: parts.layers.map((each) => each.file) };
}

async function layer(
  stage: string,
  name: string,
  owner: string,
  fill: (root: string) => Promise<void>,
): Promise<Layer> {
  const root = join(stage, '..', name);
  await mkdir(root);
  await fill(root);
  const file = `${name}.tar`;
  await tar(join(stage, file), root, owner);
  return { file, diffId: `sha256:${sha256(await readFile(join(stage, file)))}` };
}

async function baseTree(root: string): Promise<void> {
  for (const folder of ['bin', 'etc', 'root', 'tmp', 'var', 'home']) await mkdir(join(root, folder));
  await chmod(join(root, 'tmp'), 0o1777);
  await copyFile(busybox, join(root, 'bin/busybox'));
  await chmod(join(root, 'bin/busybox'), 0o755);
  const applets = (await run([busybox, '--list'])).stdout
    .split('\n')
    .filter((name) => /^[\w[.-]+$/.test(name));
  for (const name of applets.filter((each) => each !== 'busybox'))
    await symlink('busybox', join(root, 'bin', name));
  await writeFile(
    join(root, 'etc/passwd'),
    'root:x:0:0:root:/root:/bin/sh\nuser:x:1000:1000::/home:/bin/sh\n',
  );
  await writeFile(join(root, 'etc/group'), 'root:x:0:\nuser:x:1000:\nextra:x:2000:user\n');
}

async function dataTree(root: string): Promise<void> {
  await mkdir(join(root, 'data'));
  await writeFile(join(root, 'data/seed'), 'seed\n');
}

async function programTree(root: string): Promise<void> {
  await mkdir(join(root, 'srv'));
  await writeFile(join(root, 'entry'), '#!/bin/sh\necho "entry $* in $(pwd) as $(id -u) with $COLOUR"\n');
  await chmod(join(root, 'entry'), 0o755);
}

/** The same tree gives the same bytes. */
async function tar(archive: string, folder: string, owner: string): Promise<void> {
  const same = [
    '--sort=name',
    '--mtime=@1704164645',
    '--numeric-owner',
    `--owner=${owner}`,
    `--group=${owner}`,
  ];
  const made = await run(['tar', '--format=ustar', ...same, '-cf', archive, '-C', folder, '.']);
  if (made.code !== 0) throw new Error(`tar: ${made.stderr}`);
}

function sha256(data: string | Buffer): string {
  return createHash('sha256').update(data).digest('hex');
}
