export interface ResponseReader {
  /** 0 until the headers are there. */
  readonly status: number;
  readonly done: boolean;
  /** True when the body has no other end than the connection's. */
  readonly endsWithConnection: boolean;
  /** True when another request may follow on this connection. */
  readonly reusable: boolean;
  feed(chunk: Buffer): void;
}

type Body =
  | { kind: 'length'; left: number }
  | { kind: 'chunks'; left: number; last: boolean }
  | { kind: 'rest' };

/** Parses one HTTP/1.1 answer (RFC 9112): a body of known length, in chunks, or until the connection ends, as hijacked streams are. */
export function createResponseReader(onData: (chunk: Buffer) => void): ResponseReader {
  let pending: Buffer = Buffer.alloc(0);
  let status = 0;
  let closes = false;
  let done = false;
  let body: Body = { kind: 'rest' };

  const readHead = (): boolean => {
    const end = pending.indexOf('\r\n\r\n');
    if (end < 0) return false;
    const [first = '', ...lines] = pending.subarray(0, end).toString('latin1').split('\r\n');
    pending = pending.subarray(end + 4);
    const headers = new Map(lines.map((line) => splitHeader(line)));
    status = Number(first.split(' ')[1]);
    closes = headers.get('connection')?.toLowerCase() === 'close';
    body = bodyOf(status, headers);
    return true;
  };

  /** Consumes what it can of a chunked body; false when more bytes are needed. */
  const readChunks = (chunks: Extract<Body, { kind: 'chunks' }>): boolean => {
    if (chunks.left > 2) {
      const data = pending.subarray(0, chunks.left - 2);
      if (data.length > 0) onData(data);
      chunks.left -= data.length;
      pending = pending.subarray(data.length);
    }
    if (chunks.left > 0) {
      // The line end behind the data; for the last chunk, behind the (empty) trailers.
      if (chunks.left > 2 || pending.length < chunks.left) return false;
      pending = pending.subarray(chunks.left);
      chunks.left = 0;
      if (chunks.last) done = true;
      return !chunks.last;
    }
    const end = pending.indexOf('\r\n');
    if (end < 0) return false;
    const size = Number.parseInt(pending.subarray(0, end).toString('latin1'), 16);
    pending = pending.subarray(end + 2);
    chunks.left = size + 2;
    chunks.last = size === 0;
    return true;
  };

  const readBody = (): void => {
    switch (body.kind) {
      case 'chunks':
        while (readChunks(body));
        return;
      case 'length': {
        const data = pending.subarray(0, body.left);
        body.left -= data.length;
        pending = pending.subarray(data.length);
        if (data.length > 0) onData(data);
        done = body.left === 0;
        return;
      }
      case 'rest':
        if (pending.length > 0) onData(pending);
        pending = Buffer.alloc(0);
    }
  };

  return {
    get status() {
      return status;
    },
    get done() {
      return done;
    },
    get endsWithConnection() {
      return status > 0 && body.kind === 'rest';
    },
    get reusable() {
      return done && !closes;
    },
    feed(chunk) {
      pending = pending.length === 0 ? chunk : Buffer.concat([pending, chunk]);
      if (status > 0 || readHead()) readBody();
    },
  };
}

function splitHeader(line: string): [string, string] {
  const colon = line.indexOf(':');
  return [line.slice(0, colon).toLowerCase(), line.slice(colon + 1).trim()];
}

function bodyOf(status: number, headers: Map<string, string>): Body {
  if (status === 204 || status === 304) return { kind: 'length', left: 0 };
  if (headers.get('transfer-encoding')?.toLowerCase() === 'chunked')
    return { kind: 'chunks', left: 0, last: false };
  const length = headers.get('content-length');
  return length === undefined || status === 101 ? { kind: 'rest' } : { kind: 'length', left: Number(length) };
}
