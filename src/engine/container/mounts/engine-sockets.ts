import { realpath, stat } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { isKind } from '../../../foundation/base/errors.ts';
import { ownListeners } from '../../../foundation/kernel/own-listeners.ts';
import type { ResolvedMount } from '../container.ts';
import { askHost } from './host-path.ts';

/** Where engines listen; whoever may write to one of these starts containers with the host's root. */
const knownSockets = [
  '/run/silo/silo.sock',
  '/run/docker.sock',
  '/run/podman/podman.sock',
  '/run/containerd/containerd.sock',
  '/run/crio/crio.sock',
  '/run/buildkit/buildkitd.sock',
  '/run/k3s/containerd/containerd.sock',
];
const socketNames = new Set(knownSockets.map((path) => basename(path)));

export interface MountedSocket {
  /** On the host. */
  socket: string;
  /** Of the mount that brings it. */
  destination: string;
}

/** The engines' sockets that binds bring into a container: by themselves, or below a folder. */
export async function engineSocketsIn(
  mounts: readonly Pick<ResolvedMount, 'kind' | 'source' | 'destination'>[],
  engineFolders: readonly string[],
): Promise<MountedSocket[]> {
  const known = [...new Set([...knownSockets, ...engineFolders.map((folder) => join(folder, 'silo.sock'))])];
  const found: MountedSocket[] = [];
  for (const { kind, source, destination } of mounts) {
    if (kind !== 'bind') continue;
    const sockets = await askHost(source, () => socketsAt(source, known)).catch((error: unknown) => {
      // A file system that does not answer: the start will tell.
      if (!isKind(error, 'timeout')) throw error;
      return [];
    });
    found.push(...sockets.map((socket) => ({ socket, destination })));
  }
  return found;
}

async function socketsAt(source: string, known: readonly string[]): Promise<string[]> {
  const real = await realpath(source).catch(() => undefined);
  if (real === undefined) return [];
  if (await isSocket(real))
    return socketNames.has(basename(real)) || ownListeners().sockets.includes(real) ? [real] : [];
  const below = known.filter((path) => real === '/' || path.startsWith(`${real}/`));
  const there = await Promise.all(below.map(isSocket));
  return below.filter((_, index) => there[index]);
}

async function isSocket(path: string): Promise<boolean> {
  return stat(path).then(
    (found) => found.isSocket(),
    () => false,
  );
}

/** For the person who creates the container. */
export async function socketWarnings(...asked: Parameters<typeof engineSocketsIn>): Promise<string[]> {
  const found = await engineSocketsIn(...asked);
  return [...new Set(found.map(({ socket }) => socket))].map(
    (socket) =>
      `The socket of a container engine is mounted (${socket}): whoever controls the container controls this host as root.`,
  );
}
