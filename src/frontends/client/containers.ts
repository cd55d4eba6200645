import { corrupt } from '../../foundation/base/errors.ts';
import type {
  FilesystemChangeJson,
  ContainerPathStat,
  WaitResponse,
} from '../../foundation/wire/docker/container.ts';
import type { ContainerCalls } from './container-calls.ts';
import { formatChanges } from './changes.ts';
import { formatFilters } from './filters.ts';
import { readJsonLines } from './json-lines.ts';
import { multiplexing } from './stream-connection.ts';
import type { Transport } from './transport.ts';

const at = (id: string, action: string): string => `/containers/${encodeURIComponent(id)}${action}`;

export function createContainerCalls(transport: Transport): ContainerCalls {
  const post = (
    id: string,
    action: string,
    query: Record<string, string | number | undefined>,
    signal?: AbortSignal,
  ) => transport.done({ method: 'POST', path: at(id, action), query, signal });
  const askArchive = (method: 'GET' | 'HEAD', id: string, path: string, signal: AbortSignal | undefined) =>
    transport.send({ method, path: at(id, '/archive'), query: { path }, signal });

  return {
    create: (body, { name, platform, signal } = {}) =>
      transport.json({ method: 'POST', path: '/containers/create', query: { name, platform }, body, signal }),
    list: ({ all, limit, size, filters, signal } = {}) =>
      transport.json({
        method: 'GET',
        path: '/containers/json',
        query: { all, limit, size, filters: formatFilters(filters) },
        signal,
      }),
    inspect: (id, { size, signal } = {}) =>
      transport.json({ method: 'GET', path: at(id, '/json'), query: { size }, signal }),
    start: (id, { detachKeys, signal } = {}) => post(id, '/start', { detachKeys }, signal),
    stop: (id, { timeoutSeconds, stopSignal, signal } = {}) =>
      post(id, '/stop', { t: timeoutSeconds, signal: stopSignal }, signal),
    restart: (id, { timeoutSeconds, stopSignal, signal } = {}) =>
      post(id, '/restart', { t: timeoutSeconds, signal: stopSignal }, signal),
    kill: (id, { killSignal, signal } = {}) => post(id, '/kill', { signal: killSignal }, signal),
    pause: (id, { signal } = {}) => post(id, '/pause', {}, signal),
    unpause: (id, { signal } = {}) => post(id, '/unpause', {}, signal),
    rename: (id, name, { signal } = {}) => post(id, '/rename', { name }, signal),
    remove: (id, { force, volumes, link, signal } = {}) =>
      transport.done({ method: 'DELETE', path: at(id, ''), query: { force, v: volumes, link }, signal }),
    update: (id, body, { signal } = {}) =>
      transport.json({ method: 'POST', path: at(id, '/update'), body, signal }),
    top: (id, { psArgs, signal } = {}) =>
      transport.json({ method: 'GET', path: at(id, '/top'), query: { ps_args: psArgs }, signal }),
    wait: (id, { condition, signal } = {}) => wait(transport, id, condition, signal),
    attach: (id, { stdin, stdout, stderr, logs, detachKeys, signal } = {}) =>
      transport.hijack({
        method: 'POST',
        path: at(id, '/attach'),
        query: { stream: true, stdin, stdout, stderr, logs, detachKeys },
        signal,
      }),
    resize: (id, size, { signal } = {}) => post(id, '/resize', { h: size.rows, w: size.columns }, signal),
    changes: async (id, { signal } = {}) =>
      (await transport.json<FilesystemChangeJson[] | null>({
        method: 'GET',
        path: at(id, '/changes'),
        signal,
      })) ?? [],
    export: async (id, { signal } = {}) =>
      (await transport.send({ method: 'GET', path: at(id, '/export'), signal })).body,
    commit: (container, { config, changes, ...query } = {}, { signal } = {}) =>
      transport.json({
        method: 'POST',
        path: `/commit${formatChanges(changes)}`,
        query: { container, ...query },
        ...(config ? { body: config } : {}),
        signal,
      }),
    async logs(id, { signal, startDaemon, ...query } = {}) {
      const answer = await transport.send({
        method: 'GET',
        path: at(id, '/logs'),
        query: { ...query },
        signal,
        startDaemon,
      });
      return { multiplexed: multiplexing(answer.head.headers.get('content-type')), body: answer.body };
    },
    async stats(id, { stream, signal } = {}) {
      const { body } = await transport.send({
        method: 'GET',
        path: at(id, '/stats'),
        query: { stream: stream ?? true },
        signal,
      });
      return readJsonLines(body);
    },
    prune: ({ filters, signal } = {}) =>
      transport.json({
        method: 'POST',
        path: '/containers/prune',
        query: { filters: formatFilters(filters) },
        signal,
      }),
    async statPath(id, path, { signal } = {}) {
      const { head, body } = await askArchive('HEAD', id, path, signal);
      for await (const _ of body);
      return pathStatOf(head.headers);
    },
    async readArchive(id, path, { signal } = {}) {
      const { head, body } = await askArchive('GET', id, path, signal);
      return { stat: pathStatOf(head.headers), archive: body };
    },
    writeArchive: (id, path, archive, { noOverwriteDirNonDir, copyUIDGID, signal } = {}) =>
      transport.done({
        method: 'PUT',
        path: at(id, '/archive'),
        query: { path, noOverwriteDirNonDir, copyUIDGID },
        upload: { type: 'application/x-tar', data: archive },
        signal,
      }),
  };
}

function pathStatOf(headers: ReadonlyMap<string, string>): ContainerPathStat {
  const encoded = headers.get('x-docker-container-path-stat');
  if (encoded === undefined) throw corrupt('the daemon did not tell what the path is');
  return JSON.parse(Buffer.from(encoded, 'base64').toString()) as ContainerPathStat;
}

/** The daemon sends the headers as soon as it watches, and the body at the end. */
async function wait(
  transport: Transport,
  id: string,
  condition: string | undefined,
  signal: AbortSignal | undefined,
): Promise<{ exit: Promise<WaitResponse> }> {
  const { body } = await transport.send({
    method: 'POST',
    path: at(id, '/wait'),
    query: { condition },
    signal,
  });
  const exit = (async (): Promise<WaitResponse> => {
    const chunks: Buffer[] = [];
    for await (const chunk of body) chunks.push(chunk);
    return JSON.parse(Buffer.concat(chunks).toString('utf8')) as WaitResponse;
  })();
  // The caller may never ask for it (a detached run); a broken connection must not end the process then.
  exit.catch(() => undefined);
  return { exit };
}
