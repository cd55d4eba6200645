import type { Exchange } from '../../foundation/http/http.ts';

/** One request that found its route. */
export interface ApiCall {
  readonly exchange: Exchange;
  readonly query: URLSearchParams;
  /** Minor number of the API version that the client speaks: 51 for 1.51. */
  readonly minor: number;
  /** A parameter of the route's path. */
  param(name: string): string;
}

/** What a route answers: a status with an optional JSON body (or its text, for what is too long to make in one go), or `answered` when it streamed or took the connection over. */
export type Answer = { status: number; json?: unknown } | { status: number; jsonText: string } | 'answered';

/** One verb. `path` has no version; throwing gives an error body with the status of `status.ts`. */
export interface Route {
  method: 'GET' | 'POST' | 'PUT' | 'DELETE' | 'HEAD';
  path: string;
  handle(call: ApiCall): Promise<Answer>;
}

export const answered = 'answered' as const;
export const ok = (json: unknown): Answer => ({ status: 200, json });
export const created = (json: unknown): Answer => ({ status: 201, json });
export const noContent: Answer = { status: 204 };
/** Docker answers some changes with 200 and no body. */
export const done: Answer = { status: 200 };
