import type { Exchange } from '../../foundation/http/http.ts';
import type { RepositoryName } from '../../foundation/oci/repository-name.ts';
import type { OpenBlob } from '../../resources/registry/store.ts';
import type { Access } from './access.ts';

/** A request that found its route, and whose name is valid. */
export interface RegistryCall {
  readonly exchange: Exchange;
  readonly param: (name: string) => string;
  /** Of routes below a repository. */
  readonly repository: RepositoryName;
  /** The body, counted. */
  readonly body: AsyncIterable<Uint8Array>;
  /** Whether the client may do something else than what its route says. */
  readonly allows: (access: Access) => Promise<boolean>;
}

export interface Route {
  /** `GET` answers HEAD too. */
  method: 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE';
  /** As `foundation/http/router.ts` reads it; `{name:.*}` is the repository. */
  path: string;
  /** `open` asks nobody. */
  access: Access['action'] | 'open';
  handle(call: RegistryCall): Promise<Answer>;
}

export interface Answer {
  status: number;
  headers?: Record<string, string>;
  /** Absent: nothing but the head. */
  content?: AnswerContent;
}

export type AnswerContent =
  | { kind: 'json'; json: unknown; type?: string }
  | { kind: 'bytes'; type: string; bytes: string | Uint8Array }
  /** For HEAD: what the body would be. */
  | { kind: 'length'; type: string; sizeBytes: number }
  /** Disposed of when it was sent. */
  | { kind: 'blob'; type: string; blob: OpenBlob; start: number; end: number };
