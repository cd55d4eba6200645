import { posix } from 'node:path';
import { invalid } from '../../../foundation/base/errors.ts';
import type { ContainerPathStat } from '../../../foundation/wire/docker/container.ts';
import type { Client } from '../../client/client.ts';
import { defineCommand } from '../command.ts';
import {
  absolute,
  checkOutput,
  extractLocal,
  findDestination,
  findSource,
  packLocal,
} from '../copy/local.ts';
import { afterLink, type CopyEnd, placeCopy, splitEntry, splitWord } from '../copy/paths.ts';
import { createCopyProgress } from '../copy/progress.ts';
import type { CliIo } from '../io.ts';
import { formatSize } from '../output/units.ts';

export const command = defineCommand({
  name: 'cp',
  summary: 'Copy files/folders between a container and the local filesystem',
  description:
    "Copy files/folders between a container and the local filesystem\n\nUse '-' as the source to read a tar archive from stdin\nand extract it to a directory destination in a container.\nUse '-' as the destination to stream a tar archive of a\ncontainer source to stdout.",
  usage: 'CONTAINER:SRC_PATH DEST_PATH|- | SRC_PATH|- CONTAINER:DEST_PATH',
  aliases: ['container cp', 'cp'],
  options: {
    archive: { kind: 'bool', short: 'a', summary: 'Archive mode (copy all uid/gid information)' },
    'follow-link': { kind: 'bool', short: 'L', summary: 'Always follow symbol link in SRC_PATH' },
    quiet: {
      kind: 'bool',
      short: 'q',
      summary:
        'Suppress progress output during copy. Progress output is automatically suppressed if no terminal is attached',
    },
  },
  args: { min: 2, max: 2 },
  examples: [
    'silo cp web:/etc/nginx/nginx.conf .',
    'silo cp ./site/. web:/usr/share/nginx/html',
    'silo cp web:/var/log - | tar -t',
  ],
  completion: 'container-paths',
  async run({ options, given, args, io, client }) {
    const [from = '', to = ''] = args;
    if (from === '') throw invalid('source can not be empty');
    if (to === '') throw invalid('destination can not be empty');
    const source = splitWord(from);
    const destination = splitWord(to);
    const copy = {
      io,
      archive: options.archive,
      follow: options['follow-link'],
      quiet: given.has('quiet') ? options.quiet : io.stdout.isTTY !== true,
    };
    if (source.container !== undefined && destination.container !== undefined)
      throw invalid('copying between containers is not supported', {
        hint: 'pipe one copy into another: silo cp A:/path - | silo cp - B:/directory',
      });
    if (source.container !== undefined)
      await copyFrom(await client(), source.container, source.path, destination.path, copy);
    else if (destination.container !== undefined)
      await copyTo(await client(), source.path, destination.container, destination.path, copy);
    else
      throw invalid('must specify at least one container source', {
        hint: 'one of the two is in a container: NAME:PATH',
      });
    return 0;
  },
});

interface Copy {
  io: CliIo;
  archive: boolean;
  follow: boolean;
  quiet: boolean;
}

/** Bits of Go's `os.FileMode`. */
const isDirectory = (mode: number): boolean => mode >= 2 ** 31;
const has = (mode: number, bit: number): boolean => Math.floor(mode / 2 ** bit) % 2 === 1;
const isLink = (mode: number): boolean => has(mode, 27);

async function copyFrom(
  client: Client,
  container: string,
  path: string,
  destination: string,
  { io, archive: keepOwners, follow, quiet }: Copy,
): Promise<void> {
  const { containers } = client;
  const local = destination === '-' ? undefined : absolute(io.cwd, destination);
  if (local !== undefined) await checkOutput(local);
  const followed = follow ? await followIn(client, container, path) : { path };
  const { stat, archive } = await containers.readArchive(container, followed.path);
  if (local === undefined) return await writeOut(archive, io);
  const source: CopyEnd = { ...followed, exists: true, isDirectory: isDirectory(stat.mode) };
  const place = placeCopy(source, await findDestination(local));
  if ('refused' in place) throw invalid(place.refused);
  const done = await report({ io, quiet, header: 'Copying from container' }, (count) =>
    extractLocal(count(archive), {
      directory: place.directory,
      rename: { from: stat.name, to: place.name },
      keepOwners: keepOwners && process.getuid?.() === 0,
    }),
  );
  done(local);
}

async function copyTo(
  client: Client,
  path: string,
  container: string,
  destination: string,
  { io, archive: copyUIDGID, follow, quiet }: Copy,
): Promise<void> {
  const end = await findInContainer(client, container, destination);
  const put = (directory: string, archive: AsyncIterable<Uint8Array>): Promise<void> =>
    client.containers.writeArchive(container, directory, archive, {
      noOverwriteDirNonDir: true,
      copyUIDGID,
    });
  if (path === '-') {
    if (!end.isDirectory)
      throw invalid(
        `destination "${container}:${destination}" must be a directory`,
        end.exists ? {} : { hint: `make it first: silo exec ${container} mkdir -p ${destination}` },
      );
    return await put(end.path, io.stdin);
  }
  const source = await findSource(absolute(io.cwd, path), { follow });
  const place = placeCopy(source, end);
  if ('refused' in place) throw invalid(place.refused);
  const done = await report({ io, quiet, header: 'Copying to container' }, (count) =>
    put(place.directory, count(packLocal(source, place.name))),
  );
  done(`${container}:${end.path}`);
}

/** Runs a copy with its progress; what it returns tells the end of it. */
async function report(
  { io, quiet, header }: { io: CliIo; quiet: boolean; header: string },
  work: (count: ReturnType<typeof createCopyProgress>['count']) => Promise<void>,
): Promise<(place: string) => void> {
  using progress = createCopyProgress(io.stderr, { header, quiet, now: () => io.now() });
  await work((archive) => progress.count(archive));
  const { bytes } = progress;
  return (place) => {
    if (!quiet) io.stderr.write(`Successfully copied ${formatSize(bytes)} to ${place}\n`);
  };
}

/** The path that a last link leads to, with the name that was asked for. */
async function followIn(
  { containers }: Client,
  container: string,
  path: string,
): Promise<{ path: string; rebaseName?: string }> {
  const stat = await containers.statPath(container, path).catch(() => undefined);
  return stat && isLink(stat.mode) ? afterLink(path, targetOf(path, stat)) : { path };
}

/** A failure to look is none: the directory above may be there, and the copy itself tells what is wrong. */
async function findInContainer({ containers }: Client, container: string, path: string): Promise<CopyEnd> {
  let place = path;
  let stat = await containers.statPath(container, path).catch(() => undefined);
  if (stat && isLink(stat.mode)) {
    place = targetOf(path, stat);
    stat = await containers.statPath(container, place).catch(() => undefined);
  }
  if (stat && (has(stat.mode, 26) || has(stat.mode, 25) || has(stat.mode, 24)))
    throw invalid(
      `destination "${container}:${path}" must be a directory or a regular file: got ${has(stat.mode, 26) ? 'a device' : 'an irregular file'}`,
    );
  return {
    path: place,
    exists: stat !== undefined,
    isDirectory: stat !== undefined && isDirectory(stat.mode),
  };
}

function targetOf(path: string, { linkTarget }: ContainerPathStat): string {
  return linkTarget.startsWith('/') ? linkTarget : posix.join(splitEntry(path).directory, linkTarget);
}

async function writeOut(archive: AsyncIterable<Buffer>, { stdout }: CliIo): Promise<void> {
  for await (const chunk of archive)
    if (!stdout.write(chunk)) await new Promise<void>((resolve) => void stdout.once('drain', resolve));
}
