/** `GET /silo/runtimes`, and the answer to `POST /silo/runtimes/{name}`. */
export interface PinnedRuntimeJson {
  Name: string;
  Program: string;
  Version: string;
  Digest: string;
  Size: number;
  /** RFC 3339. */
  InstalledAt: string;
}
