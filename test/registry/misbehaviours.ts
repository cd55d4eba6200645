import { type Act, registryError } from './hostile-registry.ts';
import { blobOf } from './sample-image.ts';

/** Misbehaviours for `HostileRegistry.misbehave`. */

export const hang: Act = () => undefined;

export const resetConnection: Act = ({ request }) => void request.socket.destroy();

export function answer(status: number, text = '', headers: Record<string, string> = {}): Act {
  return ({ response }) => {
    response.writeHead(status, { 'content-length': String(Buffer.byteLength(text)), ...headers });
    response.end(text);
  };
}

export function refuse(
  status: number,
  code: string,
  message: string,
  headers: Record<string, string> = {},
): Act {
  return ({ response }) => registryError(response, status, { code, message }, headers);
}

export const webPage: Act = answer(200, '<!doctype html><title>Log in</title>', {
  'content-type': 'text/html; charset=utf-8',
});

/** A body without an end, with the right headers otherwise. */
export function endless(contentType: string, beginning = ''): Act {
  return ({ response }) => {
    response.writeHead(200, { 'content-type': contentType });
    response.write(beginning);
    const chunk = Buffer.alloc(256 * 1024, ' ');
    const more = (): void => {
      while (!response.destroyed && response.write(chunk));
    };
    response.on('drain', more);
    more();
  };
}

/** Announces another length than the blob has, and sends that much. */
export function wrongLength(difference: number): Act {
  return ({ response, body }) => {
    const bytes = Buffer.alloc((body?.bytes.byteLength ?? 0) + difference, 'x');
    response.writeHead(200, { 'content-type': body?.mediaType ?? '', 'content-length': bytes.byteLength });
    response.end(bytes);
  };
}

/** Sends so many bytes of what was asked and closes the connection; ranges are respected. */
export function truncated(after: number): Act {
  return partial(after, ({ request }) => request.socket.destroy());
}

/** Sends so many bytes and then nothing more, with the connection open. */
export function stalled(after: number): Act {
  return partial(after, () => undefined);
}

function partial(after: number, then: Act): Act {
  return (context) => {
    const { request, response, body } = context;
    const bytes = body?.bytes ?? Buffer.alloc(0);
    const start = Number(/^bytes=(\d+)-$/.exec(request.headers.range ?? '')?.[1] ?? 0);
    response.writeHead(start > 0 ? 206 : 200, {
      'content-length': bytes.byteLength - start,
      ...(start > 0 ? { 'content-range': `bytes ${start}-${bytes.byteLength - 1}/${bytes.byteLength}` } : {}),
    });
    // What is shorter is answered in full, or the connection would hold back the next request.
    if (start + after >= bytes.byteLength) response.end(bytes.subarray(start));
    else response.write(bytes.subarray(start, start + after), () => then(context));
  };
}

/** The right length, other bytes, and the headers of the right ones. */
export const wrongBytes: Act = ({ response, body }) => {
  const bytes = Buffer.from(body?.bytes ?? '');
  bytes[bytes.byteLength - 1] = (bytes.at(-1) ?? 0) ^ 1;
  response.writeHead(200, { 'content-type': body?.mediaType ?? '', 'content-length': bytes.byteLength });
  response.end(bytes);
};

/** One byte every so often, for ever. */
export function drip(everyMs: number): Act {
  return ({ response }) => {
    response.writeHead(200, { 'content-type': 'application/vnd.oci.image.manifest.v1+json' });
    const timer = setInterval(() => response.write(' '), everyMs);
    response.on('close', () => clearInterval(timer));
  };
}

/** The right headers of a blob, and a few of its bytes every so often: never silent, never done. */
export function trickle(everyMs: number): Act {
  return ({ response, body }) => {
    const bytes = body?.bytes ?? Buffer.alloc(0);
    response.writeHead(200, { 'content-length': bytes.byteLength });
    let sent = 0;
    const timer = setInterval(() => response.write(bytes.subarray(sent, (sent += 2))), everyMs);
    response.on('close', () => clearInterval(timer));
  };
}

/** Takes so many bytes of an upload, and keeps them, before the connection breaks. */
export function cutUpload(after: number): Act {
  return ({ request, serve }) => {
    serve();
    let taken = 0;
    request.on('data', (chunk: Buffer) => {
      taken += chunk.byteLength;
      if (taken >= after) request.socket.destroy();
    });
  };
}

export const redirectLoop: Act = ({ request, response }) => {
  response.writeHead(307, { location: request.url ?? '/', 'content-length': 0 }).end();
};

export function redirect(location: string): Act {
  return ({ response }) => void response.writeHead(307, { location, 'content-length': 0 }).end();
}

/** To the same path of another server. */
export function redirectTo(origin: string): Act {
  return ({ request, response }) =>
    void response.writeHead(307, { location: `${origin}${request.url}`, 'content-length': 0 }).end();
}

/** The whole blob with status 200, whatever range was asked for. */
export const ignoreRange: Act = ({ request, serve }) => {
  delete request.headers.range;
  serve();
};

/** Another part than was asked for. */
export function wrongRange(contentRange: string): Act {
  return ({ response, body }) => {
    const bytes = body?.bytes ?? Buffer.alloc(0);
    response.writeHead(206, { 'content-range': contentRange, 'content-length': bytes.byteLength }).end(bytes);
  };
}

export const gzipEncoded: Act = ({ response, body }) => {
  const bytes = body?.bytes ?? Buffer.alloc(0);
  response
    .writeHead(200, {
      'content-encoding': 'gzip',
      'content-type': body?.mediaType ?? '',
      'content-length': bytes.byteLength,
    })
    .end(bytes);
};

/** Each manifest is an index that points to a next one which nobody has seen yet. */
export function endlessIndexes(): { act: Act } {
  const type = 'application/vnd.oci.image.index.v1+json';
  // Chained backwards so that each digest is true.
  let inner = blobOf(type, JSON.stringify({ schemaVersion: 2, mediaType: type, manifests: [] }));
  const chain = new Map([[inner.digest, inner]]);
  for (let depth = 0; depth < 20; depth++) {
    const platform = { os: 'linux', architecture: process.arch === 'arm64' ? 'arm64' : 'amd64' };
    const entry = { mediaType: type, digest: inner.digest, size: inner.bytes.byteLength, platform };
    inner = blobOf(type, JSON.stringify({ schemaVersion: 2, mediaType: type, manifests: [entry] }));
    chain.set(inner.digest, inner);
  }
  const outermost = inner;
  return {
    act({ request, response }) {
      const document = chain.get(request.url?.split('/').at(-1) ?? '') ?? outermost;
      response.writeHead(200, { 'content-type': type, 'content-length': document.bytes.byteLength });
      response.end(document.bytes);
    },
  };
}
