import type { Readable } from 'node:stream';
import { finished } from 'node:stream/promises';
import { conflict, invalid, notFound } from '../../foundation/base/errors.ts';
import { startVolumeHelper, type VolumeHelper } from '../../resources/volume/volume-process.ts';
import type { VolumeInfo, Volumes } from '../../resources/volume/volume.ts';
import type { VolumeMounts } from '../container/mounts/volume-mounts.ts';

/** Whole volumes as archives, and copies of them. The work is done by a helper process, which ends with the engine. */
export interface VolumeTransfers {
  /** The content as a tar, plain. The archive is whole when it ends without an error. */
  export(name: string, options: { signal?: AbortSignal }): AsyncGenerator<Buffer>;
  /** Into a new volume, or an empty one that nobody uses. The volume is as it was or whole. */
  import(
    name: string,
    tar: AsyncIterable<Uint8Array>,
    options: { signal?: AbortSignal },
  ): Promise<VolumeInfo>;
  clone(source: string, target: string, options: { signal?: AbortSignal }): Promise<VolumeInfo>;
}

export interface TransferDeps {
  volumes: Volumes;
  mounts: VolumeMounts;
  command: readonly string[];
  /** Words for who has it; those must not lose what they see. */
  usersOf: (name: string) => readonly string[];
  /** A volume has appeared. */
  onCreated: (name: string) => void;
  /** Volumes that are being read: they may not be removed. */
  reading: Map<string, number>;
}

export function createVolumeTransfers(deps: TransferDeps): VolumeTransfers {
  const { volumes, mounts, command, reading } = deps;
  let number = 0;

  /** Keeps the volume there, and mounted. */
  const hold = async (name: string): Promise<AsyncDisposable> => {
    volumes.get(name);
    const user = `transfer ${++number}`;
    reading.set(name, (reading.get(name) ?? 0) + 1);
    const letGo = async (): Promise<void> => {
      const left = (reading.get(name) ?? 1) - 1;
      if (left > 0) reading.set(name, left);
      else reading.delete(name);
      await mounts.release(user);
    };
    try {
      await mounts.acquire(user, [name]);
    } catch (error) {
      await letGo();
      throw error;
    }
    return { [Symbol.asyncDispose]: letGo };
  };
  const fill = async (name: string, work: (directory: string) => Promise<void>): Promise<VolumeInfo> => {
    const isNew = volumes.find(name) === undefined;
    refuseUsed(name, deps.usersOf(name));
    const info = await volumes.fill(name, work, () => refuseUsed(name, deps.usersOf(name)));
    if (isNew) deps.onCreated(name);
    return info;
  };

  return {
    async *export(name, { signal }) {
      await using _ = await hold(name);
      const { mountpoint } = volumes.get(name);
      const stop = new AbortController();
      const helper = startVolumeHelper(
        { op: 'export', directory: mountpoint },
        { command, signal: signal ? AbortSignal.any([signal, stop.signal]) : stop.signal },
      );
      try {
        for await (const chunk of helper.output ?? []) yield chunk as Buffer;
        await helper.done;
      } finally {
        stop.abort();
        await helper.done.catch(() => undefined);
      }
      // `--rm` of a container does not ask.
      if (!volumes.find(name)) throw notFound(`get ${name}: no such volume`, { code: 'no-such-volume' });
    },
    import: (name, tar, { signal }) =>
      fill(name, async (directory) => {
        const helper = startVolumeHelper({ op: 'import', directory }, { command, signal });
        await Promise.all([feed(tar, helper), helper.done]);
      }),
    async clone(source, target, { signal }) {
      if (source === target) throw invalid('a volume cannot be cloned onto itself', { code: 'same-volume' });
      await using _ = await hold(source);
      const { mountpoint } = volumes.get(source);
      return await fill(target, async (directory) => {
        await startVolumeHelper({ op: 'clone', from: mountpoint, directory }, { command, signal }).done;
      });
    },
  };
}

function refuseUsed(name: string, users: readonly string[]): void {
  if (users.length === 0) return;
  throw conflict(`volume ${name} is in use - [${users.join(', ')}]`, {
    code: 'volume-in-use',
    hint: 'remove the containers that use it first, or name another volume',
  });
}

/** The helper says best why it stopped reading; a client that goes away ends it by the signal. */
async function feed(tar: AsyncIterable<Uint8Array>, helper: VolumeHelper): Promise<void> {
  const { input } = helper;
  if (!input) return;
  let isOver = false;
  void helper.done.then(
    () => (isOver = true),
    () => (isOver = true),
  );
  try {
    for await (const chunk of tar) {
      if (isOver) return;
      if (!input.write(chunk)) await Promise.race([drained(input), helper.done.catch(() => undefined)]);
    }
  } catch (error) {
    // What came until now must not be taken for the whole.
    input.destroy();
    throw error;
  }
  input.end();
  await finished(input as unknown as Readable).catch(() => undefined);
}

function drained(stream: NodeJS.WritableStream): Promise<void> {
  return new Promise((resolve) => {
    stream
      .once('drain', resolve)
      .once('close', resolve)
      .once('error', () => resolve());
  });
}
