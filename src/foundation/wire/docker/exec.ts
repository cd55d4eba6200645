/** `POST /containers/{id}/exec`. */
export interface ExecCreateBody {
  User?: string;
  Privileged?: boolean;
  Tty?: boolean;
  /** Height, width. */
  ConsoleSize?: number[] | null;
  AttachStdin?: boolean;
  AttachStdout?: boolean;
  AttachStderr?: boolean;
  DetachKeys?: string;
  Env?: string[] | null;
  WorkingDir?: string;
  Cmd?: string[] | string | null;
  /** Ignored by the real engine too: `POST /exec/{id}/start` decides. */
  Detach?: boolean;
}

export interface IdResponse {
  Id: string;
}

/** `POST /exec/{id}/start`. */
export interface ExecStartBody {
  Detach?: boolean;
  Tty?: boolean;
  /** Height, width. */
  ConsoleSize?: number[] | null;
}

export interface ExecInspectJson {
  ID: string;
  Running: boolean;
  /** null until it ended. */
  ExitCode: number | null;
  ProcessConfig: {
    tty: boolean;
    entrypoint: string;
    arguments: string[];
    privileged: boolean;
    user?: string;
  };
  OpenStdin: boolean;
  OpenStderr: boolean;
  OpenStdout: boolean;
  CanRemove: boolean;
  ContainerID: string;
  DetachKeys: string;
  Pid: number;
}
