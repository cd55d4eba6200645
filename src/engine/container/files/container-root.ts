import { mkdir, stat } from 'node:fs/promises';
import { readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { isKind } from '../../../foundation/base/errors.ts';
import { closeDescriptor, openat } from '../../../foundation/kernel/at.ts';
import { AT_FDCWD, O_DIRECTORY, O_PATH } from '../../../foundation/kernel/flags.ts';
import { openPidfd, sendSignal } from '../../../foundation/kernel/pidfd.ts';
import { isErrno } from '../../../foundation/kernel/syscall-error.ts';
import type { ChainId } from '../../../foundation/oci/digest.ts';
import type { ContainerRecord } from '../container.ts';
import type { Context } from '../context.ts';
import { isRunning } from '../state.ts';
import type { HelperRoot, LayeredRoot, PlannedMount } from './protocol.ts';

/** A container's root for the helper: `fd` with `running`, closed by disposing. */
export interface ContainerRoot extends Disposable {
  root: HelperRoot;
  fd?: number;
}

type Roots = Pick<Context, 'snapshots' | 'layers' | 'settings' | 'store' | 'idRanges'>;

/**
 * What to give the helper: what the processes of a running or paused container see; otherwise its layers with volumes, binds and the files of
 * /etc at their places. `keep` tells that changes are to stay.
 */
export async function planRoot(
  context: Roots,
  record: ContainerRecord,
  options: { keep: boolean },
): Promise<ContainerRoot> {
  const fd = isRunning(record.state) ? openRunningRoot(record, record.state.pid) : undefined;
  const ids = context.idRanges.of(record.id);
  if (fd !== undefined)
    return {
      root: { kind: 'running', ...(ids ? { ids } : {}) },
      fd,
      [Symbol.dispose]: () => closeDescriptor(fd),
    };
  const mounts = await plannedMounts(context, record);
  const layers = await layersOf(context, record, { ...options, mounts });
  return { root: { kind: 'layers', ...layers }, [Symbol.dispose]: () => undefined };
}

/** The layers alone, as an export wants them: nothing mounted over them, nothing changed. */
export async function planLayers(context: Roots, record: ContainerRecord): Promise<HelperRoot> {
  return { kind: 'layers', ...(await layersOf(context, record, { keep: false, mounts: [] })) };
}

/**
 * The root of the process as a descriptor, which no later change of its number can turn into another's: the process is held by a pidfd, and is the
 * container's by its control group. Undefined when it has ended.
 */
function openRunningRoot(record: ContainerRecord, pid: number): number | undefined {
  const pidfd = openPidfd(pid);
  if (pidfd === undefined) return undefined;
  let fd: number | undefined;
  try {
    fd = openat(AT_FDCWD, `/proc/${pid}/root`, O_PATH | O_DIRECTORY);
    const isOurs = readFileSync(`/proc/${pid}/cgroup`, 'utf8').includes(record.id) && sendSignal(pidfd, 0);
    if (isOurs) return fd;
  } catch (error) {
    if (!isErrno(error, 'ENOENT', 'ESRCH', 'EACCES') && !isGone(error)) throw error;
  } finally {
    closeDescriptor(pidfd);
  }
  if (fd !== undefined) closeDescriptor(fd);
  return undefined;
}

function isGone(error: unknown): boolean {
  const { code } = error as { code?: unknown };
  return code === 'ENOENT' || code === 'ESRCH';
}

async function layersOf(
  context: Roots,
  record: ContainerRecord,
  { keep, mounts }: { keep: boolean; mounts: PlannedMount[] },
): Promise<LayeredRoot> {
  const { id, layers, config } = record;
  const snapshot = (await context.snapshots.find(id)) ?? (await context.snapshots.restore(id, layers));
  const { lower, upper, work } = snapshot.mount;
  const plan: LayeredRoot = { lower, upper, mounts, readOnly: config.security.readOnlyRootfs };
  if (!keep) return plan;
  // Not the container's own: mounting empties a work folder, and a start meanwhile may be using it.
  const copyWork = join(dirname(work), 'copy-work');
  await mkdir(copyWork, { recursive: true, mode: 0o700 });
  return { ...plan, work: copyWork };
}

/** Parents before children. */
async function plannedMounts(
  { settings, store, layers }: Roots,
  record: ContainerRecord,
): Promise<PlannedMount[]> {
  const taken = new Set(record.mounts.map(({ destination }) => destination));
  const other = /^container:(.*)$/.exec(record.config.network.mode)?.[1];
  const owner = other === undefined ? record : (ownerOf(store, other) ?? record);
  const etc = ['hostname', 'hosts', 'resolv.conf']
    .map((name) => ({
      source: join(settings.containersDirectory, owner.id, name),
      destination: `/etc/${name}`,
      readOnly: false,
      recursive: false,
    }))
    .filter(({ destination }) => !taken.has(destination));
  // Written by the first start; before it the image's own are seen.
  const written = await Promise.all(
    etc.map(({ source }) =>
      stat(source).then(
        () => true,
        () => false,
      ),
    ),
  );
  const own = await Promise.all(
    record.mounts.map(async ({ source, destination, readOnly, kind, nonRecursive, subpath, image }) => ({
      source,
      destination,
      readOnly,
      recursive: kind === 'bind' && !nonRecursive,
      ...(subpath === undefined ? {} : { subpath }),
      ...(image ? { layers: await foldersOf(layers, image.layers) } : {}),
    })),
  );
  return [...etc.filter((_, index) => written[index]), ...own].toSorted(
    (a, b) => depth(a.destination) - depth(b.destination),
  );
}

/** Topmost first. */
async function foldersOf(layers: Roots['layers'], chainIds: readonly ChainId[]): Promise<string[]> {
  const found = await Promise.all(chainIds.toReversed().map((chainId) => layers.find(chainId)));
  return found.flatMap((layer) => (layer ? [layer.path] : []));
}

/** The container whose network, and so whose files, it shares; itself when that one is gone. */
const ownerOf = (store: Roots['store'], nameOrId: string): ContainerRecord | undefined => {
  try {
    return store.get(nameOrId);
  } catch (error) {
    if (!isKind(error, 'not-found')) throw error;
    return undefined;
  }
};

const depth = (path: string): number => path.split('/').filter((part) => part !== '').length;
