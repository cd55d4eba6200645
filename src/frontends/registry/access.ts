import type { Exchange } from '../../foundation/http/http.ts';
import type { RepositoryName } from '../../foundation/oci/repository-name.ts';

/** What a request wants to do. */
export type Access =
  | { action: 'pull' | 'push' | 'delete'; repository: RepositoryName }
  | { action: 'catalog' }
  /** `GET /v2/`, by which clients find out how to log in. */
  | { action: 'ping' };

/**
 * Asked before anything of a request is done; resolves to who it is (for the log), or throws kind `unauthorized` (set `WWW-Authenticate` before) or
 * `forbidden`. A mount asks once more, for pulling from the other repository.
 */
export type Authorize = (exchange: Exchange, access: Access) => Promise<{ user?: string } | undefined>;

/** One per request, when its answer is complete or its client is gone. */
export interface RequestRecord {
  method: string;
  /** The pattern of the route: `/v2/{name}/blobs/{digest}`; undefined when none matched. */
  route: string | undefined;
  path: string;
  repository: RepositoryName | undefined;
  /** 499 when the client left before an answer. */
  status: number;
  bytesIn: number;
  bytesOut: number;
  milliseconds: number;
  user: string | undefined;
  remoteAddress: string | undefined;
  userAgent: string | undefined;
}

export type Observe = (record: RequestRecord) => void;
