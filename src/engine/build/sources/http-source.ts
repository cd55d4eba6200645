import { createHash } from 'node:crypto';
import { open } from 'node:fs/promises';
import { corrupt, exhausted, invalid, toSiloError, unavailable } from '../../../foundation/base/errors.ts';
import type { Database } from '../../../foundation/db/database.ts';
import type { HttpReply, Transport } from '../../../resources/distribution/transport.ts';
import { isLoopbackHost, type Reach } from '../../../resources/distribution/trust.ts';
import { newFolder, type Tree, type TreeEntry } from '../solve/files/tree.ts';
import { treeLimits } from '../solve/files/read-tree.ts';
import { fileNameOf } from './addresses.ts';

/** A file that was fetched, or is known to be what it was. */
export interface FetchedFile {
  /** SHA-256 in hexadecimal. */
  digest: string;
  size: number;
  /** `Last-Modified`, or the epoch. */
  mtimeSec: number;
}

export interface HttpSource {
  /**
   * The file as a tree that holds nothing else, mode 0600 as in Docker. What a server or a checksum says is unchanged is not fetched before somebody
   * reads it. `spool` is a path at which nothing is yet.
   */
  open(request: HttpFetch, spool: string): Promise<Tree>;
}

export interface HttpFetch {
  url: string;
  /** `sha256:…`, or another algorithm of digests. */
  checksum?: string;
  /** Ask for all of it, whatever is known. */
  fresh?: boolean;
  signal?: AbortSignal | undefined;
}

interface Known extends FetchedFile {
  etag: string;
  lastModified: string;
}

const tables = [
  `CREATE TABLE build_http (url TEXT PRIMARY KEY, etag TEXT NOT NULL, last_modified TEXT NOT NULL, digest TEXT NOT NULL, size INTEGER NOT NULL, mtime INTEGER NOT NULL, used INTEGER NOT NULL) WITHOUT ROWID`,
];
const mostKnown = 10_000;
const mostRedirects = 10;

/** What servers said of files is remembered, not the files: an unchanged one is a step that is there already. */
export function createHttpSource(deps: {
  transport: Pick<Transport, 'send'>;
  database: Database;
  now: () => number;
}): HttpSource {
  const { transport, database, now } = deps;
  database.migrate('build-http', tables);
  // Addresses may hold credentials: they are not written anywhere.
  const rowOf = (url: string): string => createHash('sha256').update(url).digest('hex');
  const find = (url: string): Known | undefined => {
    const row = database.first<{
      etag: string;
      last_modified: string;
      digest: string;
      size: number;
      mtime: number;
    }>('SELECT etag, last_modified, digest, size, mtime FROM build_http WHERE url = ?', rowOf(url));
    return row && { ...row, lastModified: row.last_modified, mtimeSec: row.mtime };
  };
  const keep = (url: string, { etag, lastModified, digest, size, mtimeSec }: Known): void => {
    const values = [rowOf(url), etag, lastModified, digest, size, mtimeSec, now()];
    database.run('INSERT OR REPLACE INTO build_http VALUES (?, ?, ?, ?, ?, ?, ?)', ...values);
    database.run(
      'DELETE FROM build_http WHERE url IN (SELECT url FROM build_http ORDER BY used DESC LIMIT -1 OFFSET ?)',
      mostKnown,
    );
  };

  const fetch = async (request: HttpFetch, reply: HttpReply, spool: string): Promise<Known> => {
    const { url, checksum } = request;
    const file = await open(spool, 'wx', 0o600);
    try {
      const sha256 = createHash('sha256');
      const [algorithm = 'sha256'] = checksum?.split(':') ?? [];
      const other = algorithm === 'sha256' ? undefined : createHash(algorithm);
      let size = 0;
      for await (const piece of reply.body) {
        if (size + piece.length > treeLimits.maxTarBytes)
          throw exhausted(`${shown(url)} is larger than ${treeLimits.maxTarBytes} bytes`, {
            code: 'source-too-big',
          });
        sha256.update(piece);
        other?.update(piece);
        for (let done = 0; done < piece.length;)
          done += (await file.write(piece, done, piece.length - done, size + done)).bytesWritten;
        size += piece.length;
      }
      const digest = sha256.digest('hex');
      const got = `${algorithm}:${other ? other.digest('hex') : digest}`;
      if (checksum !== undefined && got !== checksum)
        throw corrupt(`digest mismatch ${got}: ${checksum}`, {
          code: 'checksum-mismatch',
          hint: `${shown(url)} does not hold what --checksum says`,
        });
      const lastModified = header(reply, 'last-modified');
      const mtimeMs = Date.parse(lastModified);
      const mtimeSec = Number.isNaN(mtimeMs) ? 0 : Math.floor(mtimeMs / 1000);
      return { etag: header(reply, 'etag'), lastModified, digest, size, mtimeSec };
    } finally {
      await file.close();
    }
  };

  const get = (request: HttpFetch, known: Known | undefined): Promise<HttpReply> => {
    const validators: Record<string, string> = known?.etag
      ? { 'if-none-match': known.etag }
      : known?.lastModified
        ? { 'if-modified-since': known.lastModified }
        : {};
    return follow(transport, request, { ...validators, 'accept-encoding': 'identity', accept: '*/*' });
  };

  return {
    async open(request, spool) {
      const { url, checksum, fresh } = request;
      const known = fresh ? undefined : find(url);
      const isPinned = known !== undefined && checksum === `sha256:${known.digest}`;
      let isHere = false;
      let file = known;
      if (!isPinned) {
        const reply = await get(request, known);
        if (reply.status === 304 && known) reply.discard();
        else {
          file = await fetch(request, reply, spool);
          isHere = true;
          keep(url, file);
        }
        if (checksum?.startsWith('sha256:') && file && checksum !== `sha256:${file.digest}`)
          throw corrupt(`digest mismatch sha256:${file.digest}: ${checksum}`, { code: 'checksum-mismatch' });
      }
      if (!file) throw new TypeError('either it was known or it was fetched');
      const entry = entryOf(file);
      const bring = async (): Promise<void> => {
        const again = await fetch(request, await get(request, undefined), spool);
        isHere = true;
        keep(url, again);
        if (again.digest !== entry.digest)
          throw unavailable(`${shown(url)} changed during the build`, {
            code: 'source-changed',
            hint: 'build again',
          });
      };
      let bringing: Promise<void> | undefined;
      return {
        isFetched: true,
        get: (path) => (path === '' ? newFolder : path === fileNameOf(url) ? entry : undefined),
        names: (folder) => (folder === '' ? [fileNameOf(url)] : []),
        async *read() {
          if (!isHere) await (bringing ??= bring());
          const opened = await open(spool, 'r');
          try {
            for await (const piece of opened.createReadStream({ highWaterMark: 1 << 20, autoClose: false }))
              yield piece as Buffer;
          } finally {
            await opened.close();
          }
        },
        [Symbol.asyncDispose]: () => Promise.resolve(),
      };
    },
  };
}

const entryOf = ({ digest, size, mtimeSec }: FetchedFile): TreeEntry => ({
  ...newFolder,
  type: 'file',
  mode: 0o600,
  mtime: { sec: mtimeSec, nsec: 0 },
  size,
  digest,
});

const header = ({ headers }: HttpReply, name: 'etag' | 'last-modified'): string =>
  (headers[name] ?? '').slice(0, 1000);

const asksIfChanged = (headers: Record<string, string>): boolean =>
  'if-none-match' in headers || 'if-modified-since' in headers;

/** The address without what may give access. */
function shown(url: string): string {
  const { protocol, host, pathname } = new URL(url);
  return `${protocol}//${host}${pathname}`.slice(0, 300);
}

/**
 * The address itself may be anywhere, as whoever writes the Dockerfile wants it; what it is redirected to may not be this machine unless the address is
 * (SSRF). Credentials go to the host alone for which they were written, and encryption is not given up.
 */
async function follow(
  transport: Pick<Transport, 'send'>,
  { url, signal }: HttpFetch,
  headers: Record<string, string>,
): Promise<HttpReply> {
  const first = parse(url);
  const reach: Reach = isLoopbackHost(first.host) ? 'followed-locally' : 'followed';
  const basic = `${decodeURIComponent(first.username)}:${decodeURIComponent(first.password)}`;
  const authorization = `Basic ${Buffer.from(basic).toString('base64')}`;
  let at = first;
  for (let redirects = 0; redirects <= mostRedirects; redirects++) {
    const isOwn = at.origin === first.origin;
    const reply = await transport
      .send({
        url: at,
        headers: isOwn && basic !== ':' ? { ...headers, authorization } : headers,
        reach: redirects === 0 ? 'named' : reach,
        verifyTls: true,
        signal,
      })
      .catch((error: unknown) => {
        const { message } = toSiloError(error);
        throw unavailable(`failed to fetch ${shown(url)}: ${message}`, {
          code: 'fetch-failed',
          cause: error,
        });
      });
    const { location } = reply.headers;
    if (![301, 302, 303, 307, 308].includes(reply.status) || location === undefined) {
      if (reply.status === 200 || (reply.status === 304 && asksIfChanged(headers))) return reply;
      reply.discard();
      throw invalid(`failed to fetch ${shown(url)}: invalid response status ${reply.status}`, {
        code: 'fetch-refused',
      });
    }
    reply.discard();
    const next = parse(new URL(location, at).href);
    if (at.protocol === 'https:' && next.protocol === 'http:')
      throw invalid(`failed to fetch ${shown(url)}: it is redirected to an address without encryption`, {
        code: 'fetch-downgrade',
      });
    at = next;
  }
  throw invalid(`failed to fetch ${shown(url)}: stopped after ${mostRedirects} redirects`, {
    code: 'fetch-redirects',
  });
}

function parse(text: string): URL {
  const url = URL.canParse(text) ? new URL(text) : undefined;
  if (url?.protocol === 'http:' || url?.protocol === 'https:') return url;
  throw invalid(`${JSON.stringify(text.slice(0, 200))} is no address that can be fetched`, {
    code: 'bad-address',
    hint: 'write http://… or https://…',
  });
}
