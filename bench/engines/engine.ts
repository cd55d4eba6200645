import { type Api, createApi } from '../api.ts';
import { removeAll } from '../containers.ts';
import { allProcesses, mountNamespace } from '../processes.ts';

export const engineNames = ['silo', 'docker', 'podman'] as const;
export type EngineName = (typeof engineNames)[number];

/** A running engine with the common busybox image in it. Disposing takes away all that the benchmark put there. */
export interface Engine extends AsyncDisposable {
  readonly name: EngineName;
  readonly version: string;
  readonly api: Api;
  /** Reference of the common busybox image. */
  readonly image: string;
  /** Daemon, monitors and helpers, without the processes of containers; undefined when they cannot be told. */
  processes(): number[] | undefined;
  /** What its own command line client runs for `version`. */
  readonly versionCommand?: string[];
  /** Ends the daemon, starts it again and resolves to the milliseconds until it answered. Absent when it is not ours to restart. */
  readonly restart?: () => Promise<number>;
  /** Writes copies of a stopped container into the engine's data root while it is down. */
  readonly seed?: (id: string, count: number) => Promise<void>;
}

const repository = 'localhost/silobench/busybox';
export const imageName = `${repository}:1`;

/** Puts the same busybox image into the engine; resolves to the engine's version. */
export async function furnish(api: Api, rootfsTar: string): Promise<string> {
  const query = new URLSearchParams({ fromSrc: '-', repo: repository, tag: '1' });
  const reply = await api.call('POST', `/images/create?${query.toString()}`, { file: rootfsTar });
  refuseErrors(reply.text);
  const version = (await api.call('GET', '/version')).json() as { Version: string };
  return version.Version;
}

/** Takes away every container and image of the benchmark. */
export async function unfurnish(api: Api): Promise<void> {
  await removeAll(api);
  const images = (await api.call('GET', '/images/json')).json() as { RepoTags: string[] | null }[];
  const names = images.flatMap((image) => image.RepoTags ?? []).filter((name) => name.includes('silobench/'));
  for (const name of names) await api.call('DELETE', `/images/${name}?force=true`, { accept: [404] });
}

/** Streams of progress answer 200 before they fail. */
export function refuseErrors(progress: string): void {
  const error = progress.split('\n').find((line) => line.includes('"error"'));
  if (error !== undefined) throw new Error(error);
}

/** Processes in the mount namespace of this one, which is the engine's own. */
export function processesBeside(pid: number): number[] {
  const own = mountNamespace(pid);
  return allProcesses()
    .filter((entry) => own !== '' && entry.mounts === own)
    .map((entry) => entry.pid);
}

/** Resolves when the engine answers; asks every few milliseconds, the same way for every engine. */
export async function untilReady(
  socketPath: string,
  hasEnded: () => boolean,
  timeoutMs = 60_000,
): Promise<void> {
  const api = createApi(socketPath);
  const deadline = performance.now() + timeoutMs;
  for (;;) {
    const ready = await api.call('GET', '/_ping').then(
      () => true,
      () => false,
    );
    if (ready) return api.reset();
    if (hasEnded()) throw new Error('it ended during its start');
    if (performance.now() > deadline) throw new Error('it did not answer in time');
    await new Promise((resolve) => setTimeout(resolve, 2));
  }
}
