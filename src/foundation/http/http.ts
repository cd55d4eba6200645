import type { FileHandle } from 'node:fs/promises';
import type { IncomingHttpHeaders } from 'node:http';
import type { Readable } from 'node:stream';

/**
 * One request and its answer. A handler answers exactly once: `send` a whole body, `stream` one, or `hijack` the connection. It may throw only
 * before that; what it throws is the caller's of `createHttpServer` to translate, so handlers are wrapped by their frontend.
 */
export interface Exchange {
  readonly method: string;
  /** Percent-decoded, without the query. */
  readonly path: string;
  readonly query: URLSearchParams;
  readonly headers: IncomingHttpHeaders;
  /** Address of the client; undefined on a unix socket. */
  readonly remoteAddress: string | undefined;
  /** The request's body; unread bodies are discarded when the answer is complete. */
  readonly body: Readable;
  /** Aborts when the client leaves before the answer is complete. */
  readonly signal: AbortSignal;
  /** Whether the head of the answer was sent: from then on no status can be chosen. */
  readonly answered: boolean;
  /** Tells the status when the head of the answer is sent; 101 for a connection that was taken over. */
  onAnswer(listener: (status: number) => void): void;
  /** Adds a header to the answer's head. */
  setHeader(name: string, value: string): void;
  /** A whole answer. Nothing but the head goes out for HEAD, 204 and 304. */
  send(status: number, body?: AnswerBody): void;
  /** The head of an answer whose body would be so long: for HEAD. */
  sendHead(status: number, contentType: string, lengthBytes: number): void;
  /**
   * A part of a file, whose length goes ahead. Resolves when the client took all of it, or left, to the number of bytes of it that left for the client; the file
   * stays the caller's to close.
   */
  sendFile(status: number, contentType: string, part: FilePart): Promise<number>;
  /** Sends the head at once; each write leaves as it comes. */
  stream(status: number, contentType: string): Outgoing;
  /**
   * Takes the connection over for raw bytes both ways. With `Upgrade: tcp` the client sees `101 UPGRADED`; without it a `200` whose body lasts
   * until the connection closes, while the request's body (chunked, as HTTP demands of a body of unknown length) is the input.
   */
  hijack(contentType: string): Connection;
  /**
   * Takes the connection over for another protocol that the client asked for with `Upgrade`: `101 Switching Protocols`, then raw bytes. Kind `invalid`
   * when it did not ask for one.
   */
  upgrade(protocol: string): Connection;
  /** Cuts the connection: the only way to report a failure after the head. */
  destroy(): void;
}

export interface AnswerBody {
  type: string;
  data: string | Uint8Array;
}

/** The bytes from `start` (inclusive) to `end` (exclusive). */
export interface FilePart {
  file: FileHandle;
  start: number;
  end: number;
}

/** Bytes towards the client. Writes after the client left are dropped. */
export interface Outgoing {
  /** False asks the writer to wait for `drained`. */
  write(chunk: string | Uint8Array): boolean;
  /** Resolves when the client took what was written, or left. */
  drained(): Promise<void>;
  /** Completes the answer; on a hijacked connection it closes our direction. */
  end(): void;
}

/** A hijacked connection: `input` ends when the client closes its direction, which leaves `output` open. */
export interface Connection {
  input: Readable;
  output: Outgoing;
}

export type HttpHandler = (exchange: Exchange) => Promise<void>;

export type ListenAddress =
  | { kind: 'unix'; path: string; groupId?: number }
  | { kind: 'tcp'; host: string; port: number };

export interface HttpServer {
  /** Connections from now on see this identity; running ones go on. Kind `invalid`, and nothing changes, when it is none. */
  renew(identity: TlsIdentity): void;
  /** Resolves when connections are accepted; the result names what was bound (a port 0 is replaced). */
  listen(address: ListenAddress): Promise<ListenAddress>;
  /** Refuses new connections, cuts the open ones; those on which a request is being answered after `graceMs` at the latest. */
  close(options?: { graceMs?: number }): Promise<void>;
}

export interface HttpServerOptions {
  /**
   * `engine` (default): whoever speaks to it is root here, so only this machine may, or who has a certificate, and no web page. `anybody`: a service
   * whose handler decides who may do what.
   */
  audience?: 'engine' | 'anybody';
  /** TLS instead of plain HTTP on TCP addresses. */
  tls?: TlsIdentity;
  /** Connections on which nothing moves either way for this long are cut; never when absent. */
  idleMs?: number;
}

/** Who a server is, in PEM form. */
export interface TlsIdentity {
  /** With the chain up to an authority that clients know. */
  cert: string;
  key: string;
  /** Clients must have a certificate of one of these authorities. */
  clientCa?: string;
  /** Certificates of these authorities that are no longer believed: lists that they signed. */
  revoked?: string;
}
