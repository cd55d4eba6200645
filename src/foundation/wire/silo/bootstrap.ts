import type { ProgressDetailJson } from '../docker/json-message.ts';

/**
 * `POST /silo/images/bootstrap`: makes a base image from what the machine has. The answer is `application/x-ndjson`, one message per line;
 * the last is either `aux` or `error`.
 */
export interface BootstrapBody {
  /** `busybox`, `debian:bookworm`… */
  What: string;
  /** Name for the image; absent = the name that belongs to `What`. */
  Reference?: string;
  /** Debian packages on top. */
  Packages?: string[];
  /** Address of an archive to use in place of the machine's mirrors. */
  Mirror?: string;
  /** Lines of a sources.list in place of all mirrors. */
  Sources?: string[];
  /** Everything that the tools print. */
  Verbose?: boolean;
}

export interface BootstrapMessage {
  /** Text for people, with its line end. */
  stream?: string;
  /** `download`, `unpack`, `configure`, with how far it is. */
  id?: string;
  status?: string;
  progressDetail?: ProgressDetailJson;
  aux?: { ID: string; Name: string };
  error?: string;
  errorDetail?: { message: string };
}
