import type { AuthConfigJson } from '../docker/image.ts';

/**
 * What `POST /silo/build?version=1` speaks once the connection is taken over: the channels of `foundation/http/channels`, opened with these words.
 *
 * - `build`, by the client: its first line is the request, a later line `{"kind":"cancel"}` ends the build, `{"kind":"attached"}` answers a `debug`. Lines back are `BuildEventJson`; the last is `result` or `error`.
 * - `folder`, by the engine: the client lists the files of a context, then answers what is asked of them (`FolderAskJson`).
 * - `archive`, by the engine: the client sends the tar of a context.
 * - `secret`, by the engine: the client sends the value. `agent`: bytes both ways with an SSH agent.
 * - `cache`, by the engine: the client sends a file of a cache's folder; it resets the channel with `not-found` when there is none.
 * - `output`, by the engine: the engine sends the bytes of an output; the client ends its direction when it has taken them all.
 */
export const buildSessionVersion = 1;

export const buildSessionType = 'application/vnd.silo.build-session';

export type ChannelWords =
  | { kind: 'build' }
  | { kind: 'folder' | 'archive'; context: string }
  | { kind: 'secret' | 'agent'; id: string }
  | { kind: 'output'; output: number }
  | { kind: 'cache'; source: number; path: string };

/** The longest line of each direction. */
export const mostLineBytes = 8 << 20;
/** Of one secret. */
export const mostSecretBytes = 500 * 1024;
/** The secret that holds keys of servers for sources over SSH, as in `~/.ssh/known_hosts`. */
export const knownHostsSecret = 'GIT_KNOWN_HOSTS';

/** The name of the context that COPY without `--from` takes its files from. */
export const mainContext = '';

export type BuildContextJson =
  | { kind: 'folder' }
  | { kind: 'archive' }
  | { kind: 'remote'; address: string }
  | { kind: 'image'; reference: string }
  | { kind: 'layout'; name?: string }
  | { kind: 'target'; stage: string };

export interface BuildSessionRequestJson {
  /** Of the client's machine, for facts of files. */
  machine: string;
  /** The parameters of `POST /build`, as its query. */
  query: string;
  /** By name; `''` is the main one. */
  contexts: Record<string, BuildContextJson>;
  /** Credentials by registry host. */
  auths?: Record<string, AuthConfigJson>;
  /** When a RUN fails: the program for a terminal in its place. The client attaches to the container, and says so. */
  debug?: string[];
  /** Ids that the client has. */
  secrets?: string[];
  agents?: string[];
  /** Places of `outputs`, and of `cacheto` behind them, that the client takes. */
  outputs?: number[];
  /** Places of `cachefrom` that are folders of the client. */
  caches?: number[];
}

/** One file of a list: path (one character a byte), kind, mode, size, seconds and nanoseconds of its time, then the link's target or the facts. */
export type FolderEntryJson = [
  path: string,
  type: 'f' | 'd' | 'l',
  mode: number,
  size: number,
  seconds: number,
  nanoseconds: number,
  rest: string,
];

/** Most entries of a line of the list. The line `[]` ends it. */
export const entriesPerLine = 500;

/**
 * The client answers with bytes, file after file in the order asked: 32 bytes for `digests`, as many bytes as were listed for `contents`; then one byte, which is 1 when
 * the file is no longer as it was listed.
 */
export interface FolderAskJson {
  ask: 'digests' | 'contents';
  /** Places in the list. */
  files: number[];
}

/** Most files of one question. */
export const filesPerAsk = 8192;

export interface BuildErrorJson {
  kind: string;
  code: string;
  message: string;
  hint?: string;
  /** Of a RUN. */
  exitCode?: number;
}

export interface BuildStepJson {
  number: number;
  of: number;
  stage: string;
  text: string;
  line: number;
  endLine: number;
}

export type BuildEventJson =
  /** Comes first: under which the history has it. */
  | { kind: 'build'; id: string }
  | { kind: 'context'; context: string; files: number; bytes: number; totalFiles: number; totalBytes: number }
  | { kind: 'plan'; steps: BuildStepJson[] }
  | { kind: 'started' | 'cached' | 'done' | 'cancelled'; step: number; atMs: number }
  | { kind: 'failed'; step: number; atMs: number; message: string }
  | { kind: 'running'; step: number; containerId: string }
  | { kind: 'output'; step: number; stream: 'stdout' | 'stderr'; text: string }
  | { kind: 'image'; step: number; id: string }
  | { kind: 'pulling'; step?: number; reference: string; layer?: LayerProgressJson }
  | { kind: 'warning'; step?: number; rule: string; message: string; line?: number }
  | { kind: 'debug'; containerId: string }
  | { kind: 'exporting'; text: string }
  | { kind: 'pushing'; reference: string; layer?: LayerProgressJson; digest?: string }
  | { kind: 'result'; image: string; digest?: string; metadata: Record<string, unknown> }
  | { kind: 'error'; error: BuildErrorJson };

export interface LayerProgressJson {
  id: string;
  phase: string;
  currentBytes?: number;
  totalBytes?: number;
}
