import { readFile, stat } from 'node:fs/promises';
import { createHash } from 'node:crypto';
import { hostname } from 'node:os';
import { join, resolve } from 'node:path';
import { splitPair } from '../../../foundation/base/split-pair.ts';
import { invalid } from '../../../foundation/base/errors.ts';
import { type BuildContextJson, mainContext } from '../../../foundation/wire/silo/build-session.ts';
import { parseIgnoreFile } from '../../../engine/build/language/ignore/ignore.ts';
import type { BuildOffers } from '../../client/build-session.ts';
import type { CliIo } from '../io.ts';
import { fileReason } from '../parse/read-file.ts';
import type { FolderOptions } from './list-folder.ts';
import { createLocalFolder } from './local-folder.ts';
import { type OpenedContext, remoteAddress } from './open-context.ts';

interface NamedContext {
  json: BuildContextJson;
  folder?: { path: string; options: FolderOptions };
}

/** `--build-context NAME=PATH`, an address, `docker-image://NAME`, `oci-layout://PATH` or `target:STAGE`. */
export async function readNamedContexts(
  list: readonly string[],
  { cwd }: Pick<CliIo, 'cwd'>,
): Promise<Map<string, NamedContext>> {
  const found = new Map<string, NamedContext>();
  for (const text of list) {
    const [name, value = ''] = splitPair(text);
    if (name === '' || value === '')
      throw invalid(`invalid context value: ${text.slice(0, 200)}, expected key=value`, {
        code: 'bad-option',
        hint: 'for example --build-context assets=../assets',
      });
    found.set(name, await namedContext(name, value, cwd));
  }
  return found;
}

async function namedContext(name: string, value: string, cwd: string): Promise<NamedContext> {
  if (value.startsWith('docker-image://'))
    return { json: { kind: 'image', reference: value.slice('docker-image://'.length) } };
  if (value.startsWith('target:')) return { json: { kind: 'target', stage: value.slice('target:'.length) } };
  if (remoteAddress.test(value)) return { json: { kind: 'remote', address: value } };
  if (value.startsWith('oci-layout://')) {
    const [, path = '', image] =
      /^(.*?)(?:[:@]((?:sha256:)?[\w.-]+))?$/s.exec(value.slice('oci-layout://'.length)) ?? [];
    const folder = await checkFolder(name, resolve(cwd, path));
    return {
      json: { kind: 'layout', ...(image === undefined ? {} : { name: image }) },
      folder: { path: folder, options: { always: [], extra: [] } },
    };
  }
  const folder = await checkFolder(name, resolve(cwd, value));
  const patterns = await readFile(join(folder, '.dockerignore'), 'utf8').catch(() => undefined);
  const ignore = patterns === undefined ? undefined : parseIgnoreFile(patterns, join(value, '.dockerignore'));
  return { json: { kind: 'folder' }, folder: { path: folder, options: { ignore, always: [], extra: [] } } };
}

async function checkFolder(name: string, path: string): Promise<string> {
  const status = await stat(path).catch((cause: unknown) => {
    throw invalid(`the context ${name} cannot be read from ${path}: ${fileReason(cause)}`, {
      code: 'no-context',
      cause,
    });
  });
  if (!status.isDirectory())
    throw invalid(`the context ${name} is no folder: ${path}`, { code: 'no-context' });
  return path;
}

/** The contexts as the request names them, and how they are given. `warn` hears of files that changed meanwhile. */
export function offerContexts(
  main: OpenedContext,
  named: ReadonlyMap<string, NamedContext>,
  warn: (message: string) => void,
): { contexts: Record<string, BuildContextJson>; offers: Pick<BuildOffers, 'folder' | 'archive'> } {
  const all = new Map<string, NamedContext>([[mainContext, main], ...named]);
  const { archive } = main;
  return {
    contexts: Object.fromEntries([...all].map(([name, { json }]) => [name, json])),
    offers: {
      folder(name) {
        const folder = all.get(name)?.folder;
        if (folder === undefined) throw new TypeError(`the context ${name} is no folder`);
        return createLocalFolder(folder.path, {
          ...folder.options,
          onChanged: (path) => warn(`${path} changed while it was read; the build has what was there then`),
        });
      },
      ...(archive === undefined ? {} : { archive: () => archive }),
    },
  };
}

/** Names this machine without telling which it is (machine-id(5) asks for a hash). */
export async function machineName(): Promise<string> {
  const id = await readFile('/etc/machine-id', 'utf8').catch(() => '');
  return createHash('sha256').update(`silo build ${id.trim()} ${hostname()}`).digest('hex').slice(0, 32);
}
