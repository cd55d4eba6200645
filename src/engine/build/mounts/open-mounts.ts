import { mkdtemp, readdir } from 'node:fs/promises';
import { join, posix } from 'node:path';
import { createHash } from 'node:crypto';
import { notFound } from '../../../foundation/base/errors.ts';
import { removeFolder } from '../../../foundation/base/remove-folder.ts';
import type { MountRequest } from '../../container/config.ts';
import type { ExecMount, ExecVertex } from '../graph/vertex.ts';
import type { WantedCache } from './cache-mounts.ts';
import { openPrivate } from './open-private.ts';
import { type MountsDeps, type Of, type Opening, type OpenMounts, ownMount, target } from './opening.ts';

/** What a RUN gets besides its root, ready for its container. Disposing takes all of it away. */
export interface OpenedMounts extends AsyncDisposable {
  mounts: MountRequest[];
  env: string[];
  /** Secrets: nothing that is kept may see them. */
  privateEnv: string[];
  /** Others may have the caches; the program has ended. */
  releaseCaches(): void;
}

export async function openMounts(deps: MountsDeps, options: OpenMounts): Promise<OpenedMounts> {
  const { signal } = options;
  const vertex = { ...options.vertex, mounts: seen(options.vertex) };
  await using undo = new AsyncDisposableStack();
  const opening: Opening = {
    mounts: [],
    env: [],
    privateEnv: [],
    undo,
    deps,
    options: { ...options, vertex },
  };
  // What may take long comes first: nobody waits for a cache that is locked for that.
  for (const mount of vertex.mounts) if (mount.type === 'bind') await openBind(mount, opening);
  for (const mount of vertex.mounts) if (mount.type === 'tmpfs') openTmpfs(mount, opening);
  await openPrivate(opening);
  const releases: (() => void)[] = [];
  const caches = vertex.mounts.filter((mount) => mount.type === 'cache');
  const wanted = await Promise.all(
    caches.map(async (mount) => ({ mount, ...(await wantedCache(mount, options)) })),
  );
  const held = new Map<string, string>();
  // In one order for all, so that two who lock the same caches do not wait for each other.
  for (const { mount, cache, subpath } of wanted.toSorted((a, b) => (a.cache.key < b.cache.key ? -1 : 1))) {
    let path = held.get(cache.key);
    if (path === undefined) {
      const opened = await deps.caches.open(cache, signal);
      undo.defer(() => opened.release());
      releases.push(() => opened.release());
      ({ path } = opened);
      held.set(cache.key, path);
    }
    opening.mounts.push(ownMount(path, target(mount, opening), { readOnly: !mount.writable, subpath }));
  }
  const { mounts, env, privateEnv } = opening;
  const owned = undo.move();
  return {
    mounts,
    env,
    privateEnv,
    releaseCaches() {
      for (const release of releases) release();
    },
    [Symbol.asyncDispose]: () => owned.disposeAsync(),
  };
}

/** Of those at the same place the last, as with BuildKit: it covers the others. */
function seen({ mounts, cwd }: ExecVertex): readonly ExecMount[] {
  const last = new Map(
    mounts.map((mount, index) => [
      mount.target === undefined ? index : posix.resolve('/', cwd, mount.target),
      mount,
    ]),
  );
  return [...last.values()];
}

async function openBind(mount: Of<'bind'>, opening: Opening): Promise<void> {
  const { options } = opening;
  if (mount.input === undefined) throw new TypeError('a bind mount comes from somewhere');
  const { image, path } = await options.filesOf(mount.input, mount.source);
  let scratch: string | undefined;
  if (mount.writable) {
    const folder = await mkdtemp(join(opening.deps.directory, 'written-'));
    opening.undo.defer(() => removeFolder(folder));
    scratch = folder;
  }
  opening.mounts.push({
    type: 'image',
    source: image,
    target: target(mount, opening),
    readOnly: !mount.writable,
    ...(isTop(path) ? {} : { subpath: path }),
    // What is written is there while the program runs, and nowhere else.
    ...(scratch === undefined ? {} : { scratch }),
  });
}

const isTop = (path: string): boolean => posix.join('/', path) === '/';

function openTmpfs(mount: Of<'tmpfs'>, opening: Opening): void {
  opening.mounts.push({
    type: 'tmpfs',
    source: '',
    target: target(mount, opening),
    readOnly: false,
    ...(mount.size === undefined ? {} : { tmpfsSizeBytes: mount.size }),
    // Programs are built in it and run.
    tmpfsOptions: [['exec'], ['dev']],
  });
}

const noFolder = (source: string): Error =>
  notFound(`${JSON.stringify(source.slice(0, 400))}: not found, or no directory`, { code: 'no-such-source' });

/** Names are hashed: they lead nowhere. What a cache starts with belongs to its identity. */
async function wantedCache(
  mount: Of<'cache'>,
  { namespace, filesOf, copyTo }: OpenMounts,
): Promise<{ cache: WantedCache; subpath: string | undefined }> {
  const { id, sharing, mode, uid, gid, input, source } = mount;
  const from = input === undefined ? undefined : await filesOf(input, source);
  const identity = [namespace, id, from ? [from.image, from.path] : [mode, uid, gid]];
  const key = createHash('sha256').update(JSON.stringify(identity)).digest('hex');
  const cache: WantedCache = { key, name: id.slice(0, 400), sharing, mode, uid, gid };
  if (!from) return { cache, subpath: isTop(source) ? undefined : source };
  const seed = async (directory: string): Promise<void> => {
    await copyTo(from.image, from.path, directory);
    if ((await readdir(directory)).length === 0) throw noFolder(source);
  };
  return { cache: { ...cache, seed }, subpath: undefined };
}
