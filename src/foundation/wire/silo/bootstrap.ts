/**
 * `POST /silo/images/bootstrap`: makes a base image from what the machine has. The answer is `application/x-ndjson`, one message per line;
 * the last is either `aux` or `error`.
 */
export interface BootstrapBody {
  /** `busybox`, `debian:bookworm`… */
  What: string;
  /** Name for the image; absent = the name that belongs to `What`. */
  Reference?: string;
}

export interface BootstrapMessage {
  /** Text for people, with its line end. */
  stream?: string;
  aux?: { ID: string };
  error?: string;
  errorDetail?: { message: string };
}
