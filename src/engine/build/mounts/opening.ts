import { posix } from 'node:path';
import { invalid } from '../../../foundation/base/errors.ts';
import type { Log } from '../../../foundation/base/log.ts';
import type { ImageId } from '../../../foundation/oci/digest.ts';
import type { MountRequest } from '../../container/config.ts';
import type { ExecMount, ExecVertex, VertexId } from '../graph/vertex.ts';
import type { BuildClient } from '../solve/types.ts';
import type { CacheMounts } from './cache-mounts.ts';

export interface MountsDeps {
  caches: CacheMounts;
  /** For secrets and sockets. */
  runDirectory: string;
  /** For what programs write into bind mounts; emptied when the engine starts. */
  directory: string;
  log: Log;
}

export interface OpenMounts {
  vertex: ExecVertex;
  client: BuildClient | undefined;
  /** `BUILDKIT_CACHE_MOUNT_NS`: caches of different words are different caches. */
  namespace: string;
  /** The image that has the files, and where they are in it. */
  filesOf: (input: VertexId, source: string) => Promise<{ image: ImageId; path: string }>;
  /** Copies a directory of an image, as `_data`, into a folder. */
  copyTo: (image: ImageId, path: string, directory: string) => Promise<void>;
  signal: AbortSignal | undefined;
}

export type Of<Type extends ExecMount['type']> = ExecMount & { type: Type };

/** What has been opened so far. */
export interface Opening {
  mounts: MountRequest[];
  env: string[];
  privateEnv: string[];
  undo: AsyncDisposableStack;
  deps: MountsDeps;
  options: OpenMounts;
}

export function target({ target: given = '' }: { target?: string }, { options }: Opening): string {
  const path = posix.resolve('/', options.vertex.cwd, given);
  if (path === '/') throw invalid(`invalid mount target ${JSON.stringify(given)}`, { code: 'invalid-mount' });
  return path;
}

/** A file or folder of the engine's own. */
export const ownMount = (
  source: string,
  destination: string,
  { readOnly, subpath }: { readOnly: boolean; subpath?: string | undefined },
): MountRequest => ({
  type: 'bind',
  engineOwned: true,
  source,
  target: destination,
  readOnly,
  ...(subpath === undefined ? {} : { subpath }),
});
