import { isIP } from 'node:net';
import { isAbsolute } from 'node:path';
import { invalid } from '../../foundation/base/errors.ts';
import { type JsonObject, viewObject } from '../../foundation/oci/bounded-json.ts';

/** What the engine is told about one registry, by the host in the names of its images. */
export interface RegistrySettings {
  /** Asked in this order, then the registry itself. */
  mirrors: readonly MirrorSettings[];
  /** Plain HTTP and certificates that nobody vouches for are accepted. */
  insecure: boolean;
  /** Further hosts that may see the credentials when the registry names them as token servers. */
  tokenServers: readonly string[];
}

export interface MirrorSettings {
  /** Origin, and a path that stands before the repository's name: `https://cache.example/hub`. */
  url: string;
  /** It may say what a tag means; otherwise only what is asked for by digest comes from it. */
  tags: boolean;
  /** Its certificate is not checked. */
  insecure: boolean;
  /** Its own account; that of the registry never goes there. The password is the file's first line, read at each use. */
  account?: { username: string; passwordFile: string };
}

const limits = { registries: 200, mirrors: 20, tokenServers: 20 } as const;

/** Reads `registries` of the configuration file. `where` names file and key in errors. */
export function parseRegistries(value: unknown, where: string): Record<string, RegistrySettings> {
  const table = viewObject(value, where);
  if (table.names().length > limits.registries)
    throw invalid(`${where} has more than ${limits.registries} registries`, { code: 'bad-configuration' });
  return Object.fromEntries(
    table.names().map((host) => {
      const entry = table.object(host);
      if (!entry || !isRegistryHost(host))
        throw invalid(`${where}: "${host.slice(0, 100)}" is no registry: want HOST or HOST:PORT`, {
          code: 'bad-configuration',
          hint: 'the host as it stands in the names of images, without https:// and path; docker.io for images without a host',
        });
      refuseOthers(entry, ['mirrors', 'insecure', 'token-servers']);
      // Docker's own registry has several names.
      const name = host.toLowerCase().replace(/^(index|registry-1)\.docker\.io$/, 'docker.io');
      return [name, readRegistry(entry)];
    }),
  );
}

function readRegistry(entry: JsonObject): RegistrySettings {
  const tokenServers = entry.strings('token-servers', limits.tokenServers) ?? [];
  const odd = tokenServers.find((host) => !isRegistryHost(host));
  if (odd !== undefined)
    throw invalid(`${entry.where}: token server "${odd.slice(0, 100)}" is no HOST or HOST:PORT`, {
      code: 'bad-configuration',
    });
  return { mirrors: readMirrors(entry), insecure: entry.boolean('insecure') ?? false, tokenServers };
}

function readMirrors(entry: JsonObject): MirrorSettings[] {
  return (entry.items('mirrors', limits.mirrors) ?? []).map((item, place) => {
    const where = `${entry.where}.mirrors[${place}]`;
    if (typeof item === 'string') return parseMirror(item, { where, tags: false });
    const mirror = viewObject(item, where);
    refuseOthers(mirror, ['url', 'tags', 'insecure', 'username', 'password-file']);
    const username = mirror.string('username');
    const passwordFile = mirror.string('password-file');
    if ((username === undefined) !== (passwordFile === undefined))
      throw invalid(`${where}: "username" and "password-file" belong together`, {
        code: 'bad-configuration',
      });
    if (passwordFile !== undefined && !isAbsolute(passwordFile))
      throw invalid(`${where}: "password-file" must be an absolute path`, { code: 'bad-configuration' });
    return {
      ...parseMirror(mirror.string('url') ?? '', { where, tags: mirror.boolean('tags') ?? false }),
      insecure: mirror.boolean('insecure') ?? false,
      ...(username === undefined || passwordFile === undefined
        ? {}
        : { account: { username, passwordFile } }),
    };
  });
}

/** An address of a mirror, as in Docker's `registry-mirrors`. */
export function parseMirror(text: string, { where, tags }: { where: string; tags: boolean }): MirrorSettings {
  const url = URL.canParse(text) ? new URL(text) : undefined;
  const wrong =
    url === undefined || (url.protocol !== 'http:' && url.protocol !== 'https:')
      ? 'want http://HOST or https://HOST, with or without a path'
      : url.username !== '' || url.password !== ''
        ? 'username and password do not belong into the address'
        : url.search !== '' || url.hash !== '' || text.includes('?') || text.includes('#')
          ? 'a query or fragment has no meaning'
          : !/^\/?$|^(\/[a-z0-9]+([._-]+[a-z0-9]+)*)+\/?$/.test(url.pathname)
            ? 'its path is no repository name'
            : undefined;
  if (url === undefined || wrong !== undefined)
    throw invalid(`${where}: invalid mirror ${JSON.stringify(withoutSecrets(text))}: ${wrong}`, {
      code: 'bad-configuration',
      hint: 'such as "https://mirror.example", or { "url": "https://mirror.example", "username": "…", "password-file": "/…" }',
    });
  return { url: url.origin + url.pathname.replace(/\/+$/, ''), tags, insecure: false };
}

function refuseOthers(object: JsonObject, known: readonly string[]): void {
  const odd = object.names().find((name) => !known.includes(name));
  if (odd !== undefined)
    throw invalid(`${object.where} has an unknown key "${odd.slice(0, 100)}"`, {
      code: 'bad-configuration',
      hint: `known keys: ${known.join(', ')}`,
    });
}

function isRegistryHost(text: string): boolean {
  const address = /^\[([0-9a-f:.]+)\](:\d{1,5})?$/i.exec(text)?.[1];
  if (address !== undefined) return isIP(address) === 6;
  return text.length <= 255 && /^[a-z0-9]([a-z0-9.-]*[a-z0-9])?(:\d{1,5})?$/i.test(text);
}

/** A wrong address may hold a password all the same. */
function withoutSecrets(text: string): string {
  return text.slice(0, 200).replace(/\/\/[^/@]*@/, '//…@');
}
