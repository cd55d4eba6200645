import type { ErrorJson } from '../../../foundation/base/error-json.ts';
import type { IdMappings } from '../../../foundation/kernel/id-mapping.ts';

/*
 * What the engine and its helper for files say to each other. The helper gets one request as JSON in its arguments, the root of a running container as a
 * descriptor, archives on standard input and output, and answers with lines of JSON.
 */

export interface HelperRequest {
  /** The process without which there is no use in going on. */
  parentPid: number;
  /** A folder of ours where nothing ever is: the helper's own root, and where it mounts what nobody else sees. */
  emptyDirectory: string;
  root: HelperRoot;
  action: HelperAction;
}

/** Descriptors of the helper beside the standard ones. */
export const replyFd = 3;
export const rootFd = 4;

export type HelperRoot =
  /** What the processes of a running container see, as descriptor `rootFd`; `ids` are those of its user namespace. */
  { kind: 'running'; ids?: IdMappings } | ({ kind: 'layers' } & LayeredRoot);

/** The files of a container that does not run: its layers with mounts in their places, mounted for the helper alone. */
export interface LayeredRoot {
  /** Topmost first. */
  lower: string[];
  upper: string;
  /** Present when changes are to be kept: a work folder that no other mount uses. Without it nothing on the disk changes. */
  work?: string;
  mounts: PlannedMount[];
  /** Of the root itself; mounts have their own. */
  readOnly: boolean;
}

export interface PlannedMount {
  source: string;
  /** Inside of the source. */
  subpath?: string;
  /** Instead of a source: folders to overlay, topmost first. */
  layers?: string[];
  destination: string;
  readOnly: boolean;
  recursive: boolean;
}

export type HelperAction =
  | { op: 'stat'; path: string }
  /** `name` is what the path is called in the archive. */
  | { op: 'read'; path: string; name: string }
  /** Copies the directory, if it is one, to `_data` in a folder of the host. */
  | { op: 'seed'; path: string; into: string }
  | {
      op: 'write';
      path: string;
      keepKinds: boolean;
      /** `USER` of the container, who then owns everything. */
      asUser: string;
      readOnlyRoot: boolean;
      mounts: { destination: string; readOnly: boolean }[];
    };

export type HelperReply =
  | { type: 'stat'; stat: WireStat }
  | { type: 'done' }
  | { type: 'error'; error: ErrorJson };

/** As `PathStat`; big numbers as text. */
export interface WireStat {
  sizeBytes: number;
  mode: number;
  modifiedAtNs: string;
  linkTarget: string;
}

/** Code of the helper's error when the path is not there; the engine finds the words. */
export const missingPathCode = 'path-not-found';
