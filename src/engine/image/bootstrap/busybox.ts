import { execFile } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import { posix } from 'node:path';
import { promisify } from 'node:util';
import { internal, unsupported } from '../../../foundation/base/errors.ts';
import type { ImageSettings } from '../context.ts';
import { fixedEpoch, standardPath } from './reproducible.ts';
import type { Rootfs } from './rootfs.ts';
import { requireStatic } from './static-elf.ts';
import { treeToTar, type TreeEntry } from './tree.ts';

const places = ['/bin/busybox', '/usr/bin/busybox'];
const run = promisify(execFile);

/** An image of one program, the machine's static busybox, under all the names that it says it has. */
export async function busyboxRootfs(settings: Pick<ImageSettings, 'sourceDateEpoch'>): Promise<Rootfs> {
  const { path, program } = await readBusybox();
  const architecture = requireStatic(program, path);
  const applets = await appletsOf(path);
  const epoch = settings.sourceDateEpoch ?? fixedEpoch;
  const tree = [...files(), { type: 'file', path: 'bin/busybox', mode: 0o755, content: program } as const];
  return {
    image: {
      tar: toAsync(treeToTar([...withParents([...tree, ...links(applets)])], epoch)),
      platform: { os: 'linux', architecture },
      run: { Env: [`PATH=${standardPath}`], Cmd: ['sh'] },
      createdAtMs: epoch * 1000,
      createdBy: 'silo image bootstrap busybox',
      comment: `${applets.length} programs in one`,
    },
    finished: Promise.resolve(),
    name: 'busybox:latest',
    [Symbol.asyncDispose]: () => Promise.resolve(),
  };
}

async function readBusybox(): Promise<{ path: string; program: Buffer }> {
  for (const path of places) {
    const program = await readFile(path).catch(() => undefined);
    if (program) return { path, program };
  }
  throw unsupported('this machine has no busybox to make an image of', {
    code: 'busybox-missing',
    hint: 'apt-get install busybox-static',
  });
}

/** Paths without a leading slash, such as `usr/bin/awk`. */
async function appletsOf(path: string): Promise<string[]> {
  const { stdout } = await run(path, ['--list-full'], { timeout: 10_000, env: {} }).catch(
    (error: unknown) => {
      throw internal(`${path} --list-full failed`, { cause: error });
    },
  );
  const applets = stdout.split('\n').filter((line) => /^[a-z/]+\/[\w[.+-]+$/.test(line));
  if (!applets.includes('bin/sh')) throw internal(`${path} does not say that it is a shell`);
  return applets.filter((applet) => applet !== 'bin/busybox');
}

function links(applets: readonly string[]): TreeEntry[] {
  return applets.map((path) => ({ type: 'hardlink', path, target: 'bin/busybox' }));
}

function files(): TreeEntry[] {
  const text = (path: string, content: string, mode = 0o644): TreeEntry => ({
    type: 'file',
    path,
    mode,
    content: Buffer.from(content),
  });
  const folder = (path: string, mode = 0o755): TreeEntry => ({ type: 'directory', path, mode });
  return [
    text(
      'etc/passwd',
      [
        'root:x:0:0:root:/root:/bin/sh',
        'daemon:x:1:1:daemon:/usr/sbin:/bin/false',
        'bin:x:2:2:bin:/bin:/bin/false',
        'mail:x:8:8:mail:/var/spool/mail:/bin/false',
        'www-data:x:33:33:www-data:/var/www:/bin/false',
        'nobody:x:65534:65534:nobody:/home:/bin/false',
        '',
      ].join('\n'),
    ),
    text(
      'etc/group',
      'root:x:0:\ndaemon:x:1:\nbin:x:2:\ntty:x:5:\nmail:x:8:\nwww-data:x:33:\nusers:x:100:\nnogroup:x:65534:\n',
    ),
    text('etc/shadow', 'root:*:::::::\ndaemon:*:::::::\nwww-data:*:::::::\nnobody:*:::::::\n', 0o640),
    text('etc/nsswitch.conf', 'passwd: files\ngroup: files\nhosts: files dns\n'),
    folder('dev'),
    folder('home'),
    folder('proc', 0o555),
    folder('root', 0o700),
    folder('run'),
    folder('sys', 0o555),
    folder('tmp', 0o1777),
    folder('var/spool/mail'),
    folder('var/tmp', 0o1777),
    folder('var/www'),
  ];
}

/** The entries and the folders above them that nobody named. */
function withParents(entries: readonly TreeEntry[]): TreeEntry[] {
  const named = new Set(entries.map((entry) => entry.path));
  const missing = new Set<string>();
  for (const { path } of entries)
    for (let parent = posix.dirname(path); parent !== '.'; parent = posix.dirname(parent))
      if (!named.has(parent)) missing.add(parent);
  return [...entries, ...[...missing].map((path): TreeEntry => ({ type: 'directory', path }))];
}

// oxlint-disable-next-line require-await -- the importer reads asynchronous streams
async function* toAsync(chunks: Iterable<Uint8Array>): AsyncGenerator<Uint8Array> {
  yield* chunks;
}
