import type { AuthConfigJson } from '../../foundation/wire/docker/image.ts';
import type { JsonMessage } from '../../foundation/wire/docker/json-message.ts';
import type { BootstrapMessage } from '../../foundation/wire/silo/bootstrap.ts';
import type { ImageCalls } from './image-calls.ts';
import { formatChanges } from './changes.ts';
import { errorOfStream } from './errors.ts';
import { formatFilters } from './filters.ts';
import { readJsonLines } from './json-lines.ts';
import type { Call, Transport } from './transport.ts';

/** Slashes and colons stay: names are paths here, and the daemon's router expects them so. */
const at = (name: string, action: string): string =>
  `/images/${name.split('/').map(encodeURIComponent).join('/').replaceAll('%3A', ':').replaceAll('%40', '@')}${action}`;

export function createImageCalls(transport: Transport): ImageCalls {
  const query = (filters: string | undefined, rest: Record<string, boolean | string | undefined> = {}) => ({
    ...rest,
    filters,
  });
  return {
    list: ({ all, digests, manifests, filters, signal } = {}) =>
      transport.json({
        method: 'GET',
        path: '/images/json',
        query: query(formatFilters(filters), { all, digests, manifests }),
        signal,
      }),
    inspect: (name, { platform, signal } = {}) =>
      transport.json({ method: 'GET', path: at(name, '/json'), query: { platform }, signal }),
    history: (name, { platform, signal } = {}) =>
      transport.json({ method: 'GET', path: at(name, '/history'), query: { platform }, signal }),
    pull: ({ name, tag, platform, auth }, { signal } = {}) =>
      messages(transport, {
        method: 'POST',
        path: '/images/create',
        query: { fromImage: name, tag, platform },
        headers: authHeader(auth),
        signal,
      }),
    search: (term, { limit, filters, auth, signal } = {}) =>
      transport.json({
        method: 'GET',
        path: '/images/search',
        query: { term, limit, filters: formatFilters(filters) },
        headers: authHeader(auth),
        signal,
      }),
    push: ({ name, tag, platform, auth }, { signal } = {}) =>
      messages(transport, {
        method: 'POST',
        path: at(name, '/push'),
        query: { tag, platform: platformJson(platform) },
        // Docker's engine wants the header even of those who have nothing to say.
        headers: authHeader(auth ?? {}),
        signal,
      }),
    save: async (names, { platform, signal } = {}) => {
      const list = names.map((name) => `names=${encodeURIComponent(name)}`).join('&');
      const { body } = await transport.send({
        method: 'GET',
        path: `/images/get?${list}`,
        query: { platform: platformJson(platform) },
        signal,
      });
      return body;
    },
    load: (archive, { quiet, platform, signal } = {}) =>
      messages(transport, {
        method: 'POST',
        path: '/images/load',
        query: { quiet: quiet ?? false, platform: platformJson(platform) },
        upload: { type: 'application/x-tar', data: archive },
        signal,
      }),
    build: (context, request, { signal } = {}) =>
      messages(transport, {
        method: 'POST',
        path: `/build${request.tags.map((tag, index) => `${index === 0 ? '?' : '&'}t=${encodeURIComponent(tag)}`).join('')}`,
        query: {
          dockerfile: request.dockerfile,
          buildargs: JSON.stringify(request.buildArguments),
          labels: JSON.stringify(request.labels),
          target: request.target,
          platform: request.platform,
          networkmode: request.network,
          nocache: request.noCache,
          pull: request.pull,
          q: request.quiet,
        },
        upload: { type: 'application/x-tar', data: context },
        signal,
      }),
    import: (request, { signal } = {}) =>
      messages(transport, {
        method: 'POST',
        path: `/images/create${formatChanges(request.changes)}`,
        query: {
          fromSrc: request.source,
          repo: request.repo,
          tag: request.tag,
          message: request.message,
          platform: request.platform,
        },
        ...(request.archive ? { upload: { type: 'text/plain', data: request.archive } } : {}),
        signal,
      }),
    tag: (name, target, { signal } = {}) =>
      transport.done({ method: 'POST', path: at(name, '/tag'), query: { ...target }, signal }),
    remove: (name, { force, noPrune, platforms = [], signal } = {}) => {
      const list = platforms
        .map((each) => `platforms=${encodeURIComponent(platformJson(each) ?? '')}`)
        .join('&');
      return transport.json({
        method: 'DELETE',
        path: at(name, list === '' ? '' : `?${list}`),
        query: { force, noprune: noPrune },
        signal,
      });
    },
    layers: ({ signal } = {}) =>
      transport.json({ method: 'GET', path: '/silo/images/layers', unversioned: true, signal }),
    manifest: (name, { insecure, auth, signal } = {}) =>
      transport.json({
        method: 'GET',
        path: '/silo/manifests',
        unversioned: true,
        query: { name, insecure },
        headers: authHeader(auth),
        signal,
      }),
    pushIndex: (body, { auth, signal } = {}) =>
      transport.json({
        method: 'POST',
        path: '/silo/manifests',
        unversioned: true,
        headers: authHeader(auth),
        body,
        signal,
      }),
    pin: (name, { signal } = {}) =>
      transport.done({ method: 'POST', path: '/silo/images/pin', query: { name }, signal }),
    unpin: (name, { signal } = {}) =>
      transport.done({ method: 'POST', path: '/silo/images/unpin', query: { name }, signal }),
    prune: ({ filters, signal } = {}) =>
      transport.json({
        method: 'POST',
        path: '/images/prune',
        query: query(formatFilters(filters)),
        signal,
      }),
    bootstrap: (body, { signal } = {}) =>
      messages<BootstrapMessage>(transport, {
        method: 'POST',
        path: '/silo/images/bootstrap',
        unversioned: true,
        body,
        signal,
      }),
  };
}

/** The API's form: an OCI platform. */
function platformJson(words: string | undefined): string | undefined {
  if (words === undefined) return undefined;
  const [os = '', architecture = '', variant] = words.split('/');
  return JSON.stringify({ architecture, os, ...(variant ? { variant } : {}) });
}

function authHeader(auth: AuthConfigJson | undefined): Record<string, string> {
  if (auth === undefined) return {};
  return { 'X-Registry-Auth': Buffer.from(JSON.stringify(auth)).toString('base64url') };
}

async function* messages<T extends JsonMessage | BootstrapMessage = JsonMessage>(
  transport: Transport,
  call: Call,
): AsyncGenerator<T, void, void> {
  const { body } = await transport.send(call);
  for await (const message of readJsonLines<T>(body)) {
    const error = message.errorDetail?.message ?? message.error;
    if (error !== undefined) throw errorOfStream(error);
    yield message;
  }
}
