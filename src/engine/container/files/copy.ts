import { mkdirSync } from 'node:fs';
import { basename, posix } from 'node:path';
import { Readable } from 'node:stream';
import { invalid, notFound, SiloError } from '../../../foundation/base/errors.ts';
import { faultPoint } from '../../../foundation/base/fault.ts';
import { createKeyLock } from '../../../foundation/base/key-lock.ts';
import { volumeNames } from '../mounts/volume-mounts.ts';
import type { ContainerRecord } from '../container.ts';
import { type Context, publish } from '../context.ts';
import { isRunning } from '../state.ts';
import { planLayers, planRoot } from './container-root.ts';
import type { ContainerFiles, PathStat } from './files.ts';
import { type Helper, startHelper } from './helper-process.ts';
import { type HelperAction, missingPathCode, type WireStat } from './protocol.ts';

type CopyDeps = Pick<
  Context,
  'idRanges' | 'layers' | 'volumeMounts' | 'snapshots' | 'settings' | 'store' | 'events' | 'transfers'
>;

/** `ContainerFiles`, each operation by a helper process. */
export function createCopy(deps: CopyDeps): ContainerFiles {
  const { emptyDirectory, filesCommand } = deps.settings;
  mkdirSync(emptyDirectory, { recursive: true, mode: 0o700 });
  let copies = 0;
  /** Two writers into one stopped container would mount its layer twice. */
  const stopped = createKeyLock();

  const start = async (
    record: ContainerRecord,
    action: HelperAction,
    signal: AbortSignal | undefined,
  ): Promise<Helper> => {
    using planned = await planRoot(deps, record, { keep: action.op === 'write' });
    const user = `copy ${++copies}`;
    if (planned.root.kind === 'layers') await deps.volumeMounts.acquire(user, volumeNames(record));
    try {
      const helper = startHelper({
        command: filesCommand,
        request: { parentPid: process.pid, emptyDirectory, root: planned.root, action },
        rootFd: planned.fd,
        signal,
      });
      faultPoint('container.copy.begun');
      const release = (): Promise<void> => deps.volumeMounts.release(user);
      void helper.done.then(release, release);
      return helper;
    } catch (error) {
      await deps.volumeMounts.release(user);
      throw error;
    }
  };

  return {
    async copyTo(nameOrId, path, directory, { signal } = {}) {
      const record = deps.store.get(nameOrId);
      await deps.transfers.run(record.id, signal, async (combined) => {
        const root = await planLayers(deps, record);
        const action = { op: 'seed', path: pathInside(path), into: directory } as const;
        const request = { parentPid: process.pid, emptyDirectory, root, action };
        await startHelper({ command: filesCommand, request, signal: combined }).done;
      });
    },

    async stat(nameOrId, path) {
      const record = deps.store.get(nameOrId);
      const inside = pathInside(path);
      return await deps.transfers.run(record.id, undefined, async (signal) => {
        const helper = await start(record, { op: 'stat', path: inside }, signal);
        const [stat] = await Promise.all([helper.stat, helper.done]).catch(told(nameOrId, path));
        return toPathStat(inside, stat);
      });
    },

    async read(nameOrId, path, { signal } = {}) {
      const record = deps.store.get(nameOrId);
      const inside = pathInside(path);
      const name = inside === '/' ? '' : basename(inside);
      const opened = Promise.withResolvers<{ stat: PathStat; tar: Readable }>();
      const whole = deps.transfers.run(record.id, signal, async (combined) => {
        const helper = await start(record, { op: 'read', path: inside, name }, combined);
        const stat = await helper.stat;
        publish(deps, record, 'archive-path');
        opened.resolve({ stat: toPathStat(inside, stat), tar: archiveOf(helper) });
        await helper.done;
      });
      whole.catch((error: unknown) => opened.reject(error));
      return await opened.promise.catch(told(nameOrId, path));
    },

    async write(nameOrId, path, tar, { keepKinds, asUser, signal }) {
      const record = deps.store.get(nameOrId);
      const { config, mounts } = record;
      const action: HelperAction = {
        op: 'write',
        path: pathInside(path),
        keepKinds,
        asUser: asUser ? config.user : '',
        readOnlyRoot: config.security.readOnlyRootfs,
        mounts: [...mounts, ...temporaryMounts(record)].map(({ destination, readOnly }) => ({
          destination,
          readOnly,
        })),
      };
      const run = (): Promise<void> =>
        deps.transfers.run(record.id, signal, async (combined) => {
          const helper = await start(record, action, combined);
          const stopFeeding = feed(tar, helper);
          try {
            await helper.done.catch(told(nameOrId, path));
          } finally {
            stopFeeding();
          }
        });
      await (isRunning(record.state) ? run() : stopped.run(record.id, run));
      publish(deps, record, 'extract-to-dir');
    },
  };
}

/** File systems in memory, which are there and may be written while the container runs. */
function temporaryMounts({ config, state }: ContainerRecord): { destination: string; readOnly: boolean }[] {
  if (!isRunning(state)) return [];
  return [
    ...Object.entries(config.tmpfs).map(([destination, options]) => ({
      destination,
      readOnly: options.split(',').includes('ro'),
    })),
    ...config.mounts.flatMap(({ type, target, readOnly }) =>
      type === 'tmpfs' ? [{ destination: target, readOnly }] : [],
    ),
    { destination: '/dev', readOnly: false },
  ];
}

/**
 * The path from the container's root, `..` resolved in the text as Docker does. A last slash or dot stays: it leads through a link, and a dot is
 * the name in the archive.
 */
function pathInside(path: string): string {
  if (path === '') throw invalid('bad parameter: path cannot be empty', { code: 'no-path' });
  if (path.includes('\0')) throw invalid('bad parameter: path contains a NUL byte', { code: 'bad-path' });
  const clean = posix.join('/', path).replace(/(.)\/$/, '$1');
  const slash = clean === '/' ? '' : '/';
  if (/(^|\/)\.$/.test(path)) return `${clean}${slash}.`;
  return path.endsWith('/') ? `${clean}${slash}` : clean;
}

function toPathStat(inside: string, stat: WireStat): PathStat {
  return { ...stat, name: basename(inside) || '/', modifiedAtNs: BigInt(stat.modifiedAtNs) };
}

/** What the client asked for, in Docker's words. */
const told =
  (nameOrId: string, path: string) =>
  (error: unknown): never => {
    if (error instanceof SiloError && error.code === missingPathCode)
      throw notFound(`Could not find the file ${path} in container ${nameOrId}`, {
        code: 'no-such-file',
        cause: error,
      });
    throw error;
  };

/** Fails at its end when the helper did: half an archive must not look like a whole one. */
function archiveOf(helper: Helper): Readable {
  async function* bytes(): AsyncGenerator<Buffer> {
    try {
      for await (const chunk of helper.output ?? []) yield chunk as Buffer;
      await helper.done;
    } finally {
      helper.kill();
    }
  }
  return Readable.from(bytes(), { objectMode: false });
}

/** By hand rather than by a pipeline, which would destroy the request together with its answer when the helper refuses. */
function feed(source: Readable, helper: Helper): () => void {
  const { input } = helper;
  const onData = (chunk: Buffer): void => {
    if (input?.write(chunk) === false) source.pause();
  };
  const onDrain = (): void => void source.resume();
  const onEnd = (): void => void input?.end();
  // Half an archive must not look like a whole one.
  const onBroken = (): void => {
    if (!source.readableEnded) helper.kill();
  };
  source.on('data', onData).once('end', onEnd).once('error', onBroken).once('close', onBroken);
  input?.on('drain', onDrain);
  return () => {
    source.off('data', onData).off('end', onEnd).off('error', onBroken).off('close', onBroken);
    input?.off('drain', onDrain).destroy();
    source.pause();
  };
}
