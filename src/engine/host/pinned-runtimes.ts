import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { mkdir, open, readdir, readFile, rename, unlink } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { syncDirectory, writeFileAtomic } from '../../foundation/base/atomic-file.ts';
import { conflict, corrupt, invalid, notFound, toSiloError } from '../../foundation/base/errors.ts';
import { removeFolder } from '../../foundation/base/remove-folder.ts';
import { describeProgram, formatVersion } from './doctor/program-version.ts';

/** A runtime that was put below the data root under a name of `--runtime`; it wins over what the machine has under that name. */
export interface PinnedRuntime {
  name: string;
  /** What the program calls itself: `crun`, `runc`. */
  program: string;
  version: string;
  /** `sha256:…` of the file. */
  digest: string;
  sizeBytes: number;
  installedAtMs: number;
}

export interface PinnedRuntimes {
  list(): Promise<PinnedRuntime[]>;
  /**
   * Keeps the program under its digest, and the name with it; used from the next start of the engine. Kind `invalid` when it is no runtime for this machine
   * or has another digest, `conflict` when the name is taken by another one without `force`.
   */
  install(
    name: string,
    content: AsyncIterable<Uint8Array>,
    options: { digest?: string; force?: boolean },
  ): Promise<PinnedRuntime>;
  /** Kind `not-found` for a name that is not pinned, `conflict` while containers have that runtime and nothing else bears the name. */
  remove(name: string): Promise<void>;
}

const maximumBytes = 256 * 1024 * 1024;
/** e_machine of elf(5). */
const machines: Record<string, number> = { x64: 62, arm64: 183 };

/*
 * `runtimes/HEX/PROGRAM` are the files, `runtimes/NAME.json` say which one a name means. The names are written last and taken away first; files that no name means go
 * at the next start.
 */
export function createPinnedRuntimes(
  dataRoot: string,
  deps: { now: () => number; usersOf: (name: string) => readonly string[] },
): PinnedRuntimes {
  const directory = join(dataRoot, 'runtimes');
  const has = async (name: string): Promise<boolean> => (await namesIn(directory)).includes(`${name}.json`);
  return {
    list: () => readNames(directory),
    async install(name, content, { digest, force }) {
      checkName(name);
      await mkdir(directory, { recursive: true, mode: 0o700 });
      const staging = join(
        directory,
        `.staging-${process.pid}-${deps.now()}-${Math.random().toString(36).slice(2)}`,
      );
      await mkdir(staging, { mode: 0o700 });
      try {
        const received = await receive(join(staging, 'program'), content);
        if (digest !== undefined && digest !== received.digest)
          throw invalid(`the program has the digest ${received.digest}, not ${digest.slice(0, 100)}`, {
            code: 'digest-mismatch',
          });
        const there =
          force !== true && (await has(name)) ? await read(join(directory, `${name}.json`)) : undefined;
        if (there && there.digest !== received.digest)
          throw conflict(`the runtime ${name} is pinned to ${there.program} ${there.version} already`, {
            code: 'runtime-pinned',
            hint: 'remove it first, or replace it with --force',
          });
        const { program, version } = await identify(join(staging, 'program'));
        await rename(join(staging, 'program'), join(staging, program));
        const place = join(directory, hexOf(received.digest));
        const found = await digestOf(join(place, program)).catch(() => undefined);
        if (found !== received.digest) {
          // What is there is damaged.
          await removeFolder(place);
          await rename(staging, place);
        }
        await syncDirectory(directory);
        const pinned = { name, program, version, ...received, installedAtMs: deps.now() };
        await writeFileAtomic(join(directory, `${name}.json`), `${JSON.stringify(pinned)}\n`);
        return pinned;
      } finally {
        await removeFolder(staging);
      }
    },
    async remove(name) {
      checkName(name);
      if (!(await has(name))) throw notFound(`no such pinned runtime: ${name}`);
      const [user] = deps.usersOf(name);
      if (user !== undefined)
        throw conflict(`container ${user} has the runtime ${name}`, {
          code: 'runtime-in-use',
          hint: 'remove its containers first',
        });
      await unlink(join(directory, `${name}.json`));
      await syncDirectory(directory);
    },
  };
}

/** Paths of the pinned programs, each read whole and compared with its digest; what is not what was installed is not used. */
export async function openPinnedRuntimes(
  dataRoot: string,
  complain: (message: string) => void,
): Promise<{ paths: Record<string, string>; broken: string[] }> {
  const directory = join(dataRoot, 'runtimes');
  const paths: Record<string, string> = {};
  const broken: string[] = [];
  const pinned: PinnedRuntime[] = [];
  for (const file of await namesIn(directory))
    try {
      pinned.push(await read(join(directory, file)));
    } catch (error) {
      broken.push(basename(file, '.json'));
      complain(toSiloError(error).message);
    }
  await sweep(directory, new Set(pinned.map(({ digest }) => hexOf(digest))));
  for (const { name, program, digest } of pinned) {
    const path = join(directory, hexOf(digest), program);
    const found = await digestOf(path).catch((error: unknown) => toSiloError(error).message);
    if (found === digest) paths[name] = path;
    else {
      broken.push(name);
      complain(`the pinned runtime ${name} is not used: ${path} is not what was installed (${found})`);
    }
  }
  return { paths, broken };
}

function checkName(name: string): void {
  if (!/^[a-z0-9][a-z0-9_.-]{0,63}$/.test(name))
    throw invalid(`${JSON.stringify(name.slice(0, 80))} cannot be the name of a runtime`, {
      hint: 'want 1 to 64 small letters, digits, dots, dashes or underscores',
    });
}

async function receive(
  path: string,
  content: AsyncIterable<Uint8Array>,
): Promise<{ digest: string; sizeBytes: number }> {
  const hash = createHash('sha256');
  let sizeBytes = 0;
  const file = await open(path, 'wx', 0o500);
  try {
    for await (const chunk of content) {
      sizeBytes += chunk.length;
      if (sizeBytes > maximumBytes)
        throw invalid(`a runtime of more than ${maximumBytes} bytes is not taken`, { code: 'too-large' });
      hash.update(chunk);
      await file.writeFile(chunk);
    }
    await file.sync();
  } finally {
    await file.close();
  }
  return { digest: `sha256:${hash.digest('hex')}`, sizeBytes };
}

/** Asked for its version only when it is a program of this machine at all. */
async function identify(path: string): Promise<{ program: string; version: string }> {
  const file = await open(path, 'r');
  const head = Buffer.alloc(20);
  try {
    await file.read(head, 0, head.length, 0);
  } finally {
    await file.close();
  }
  const isElf = head.readUInt32BE(0) === 0x7f454c46 && head.readUInt8(4) === 2;
  if (!isElf || head.readUInt16LE(18) !== machines[process.arch])
    throw invalid('that is not a program for this machine', {
      code: 'not-a-runtime',
      hint: `want an ELF executable for ${process.arch}`,
    });
  const { output, version } = await describeProgram(path);
  const [, program] = /^([a-z][a-z0-9-]{0,30}) version /.exec(output) ?? [];
  if (program === undefined || version === undefined)
    throw invalid('the program does not tell its version as OCI runtimes do', {
      code: 'not-a-runtime',
      hint: 'it may need libraries that this machine has not: take one that is linked statically; or the data root is mounted noexec',
    });
  return { program, version: formatVersion(version) };
}

/** Without those that cannot be read, which the start of the engine complained about. */
async function readNames(directory: string): Promise<PinnedRuntime[]> {
  const files = await namesIn(directory);
  const all = await Promise.all(files.map((file) => read(join(directory, file)).catch(() => undefined)));
  return all.filter((pinned) => pinned !== undefined);
}

async function namesIn(directory: string): Promise<string[]> {
  const names = await readdir(directory).catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return [];
    throw error;
  });
  return names.filter((name) => name.endsWith('.json')).sort((one, other) => (one < other ? -1 : 1));
}

async function read(path: string): Promise<PinnedRuntime> {
  const value = parse(await readFile(path, 'utf8'));
  if (!isPinned(value) || `${value.name}.json` !== basename(path))
    throw corrupt(`${path} does not name a runtime`, {
      hint: 'remove the file, and install the runtime again',
    });
  return value;
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

function isPinned(value: unknown): value is PinnedRuntime {
  if (typeof value !== 'object' || value === null) return false;
  const { name, program, version, digest, sizeBytes, installedAtMs } = value as Record<string, unknown>;
  return (
    [name, version].every((text) => typeof text === 'string') &&
    typeof program === 'string' &&
    /^[a-z][a-z0-9-]*$/.test(program) &&
    typeof digest === 'string' &&
    /^sha256:[0-9a-f]{64}$/.test(digest) &&
    [sizeBytes, installedAtMs].every((number) => typeof number === 'number')
  );
}

async function sweep(directory: string, wanted: ReadonlySet<string>): Promise<void> {
  const all = await readdir(directory).catch(() => []);
  for (const name of all)
    if (!name.endsWith('.json') && !wanted.has(name)) await removeFolder(join(directory, name));
}

async function digestOf(path: string): Promise<string> {
  const hash = createHash('sha256');
  for await (const chunk of createReadStream(path, { highWaterMark: 1 << 20 })) hash.update(chunk as Buffer);
  return `sha256:${hash.digest('hex')}`;
}

const hexOf = (digest: string): string => digest.replace('sha256:', '');
