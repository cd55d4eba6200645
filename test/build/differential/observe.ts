import { createHash } from 'node:crypto';
import { chmodSync, lchownSync, mkdirSync, readdirSync, symlinkSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { readAll } from '../../../src/foundation/archive/tar-fixtures.ts';
import { context, ignoreFile, type Case } from './corpus.ts';

/** What one build made, and what of it was done again. */
export interface Observed {
  /** Paths that differ from the base: kind, mode, owner and content; a path that is gone is `gone`. */
  tree: Record<string, string>;
  config: Record<string, unknown>;
  /** What came from the cache when nothing, and when the case's files, had changed. */
  cached: string;
  cachedAfterChange?: string;
}

/** A case that fails has the exit code or the gist of the message instead. */
export type Outcome = Observed | { failed: string };

export function writeContext(folder: string, each: Case): void {
  for (const [path, given] of Object.entries(context)) {
    const { content, mode } = typeof given === 'string' ? { content: given, mode: 0o644 } : given;
    const place = join(folder, path);
    mkdirSync(dirname(place), { recursive: true });
    if (content.startsWith('->')) symlinkSync(content.slice(2), place);
    else {
      writeFileSync(place, content);
      chmodSync(place, mode);
    }
  }
  writeFileSync(join(folder, '.dockerignore'), ignoreFile);
  writeFileSync(join(folder, 'Dockerfile'), each.dockerfile);
  for (const path of readdirSync(folder, { recursive: true, encoding: 'utf8' }))
    lchownSync(join(folder, path), 0, 0);
}

export function changeContext(folder: string, each: Case): void {
  for (const path of each.change ?? []) writeFileSync(join(folder, path), 'changed\n');
}

/** Files that an engine puts there while a container runs. */
const engines = /^(dev|proc|sys)(\/|$)|^etc\/(hosts|resolv\.conf|hostname|mtab)$|^\.dockerenv$/;

export function listTree(archive: Buffer): Map<string, string> {
  const entries = readAll(archive);
  const contents = new Map(entries.map(({ name, content }) => [plain(name), content]));
  return new Map(
    entries
      .map(({ type, name, mode, uid, gid, linkName, content, size }): [string, string] => {
        const path = plain(name);
        const isFile = type === 'file' || type === 'hardlink';
        const bytes = type === 'hardlink' ? (contents.get(plain(linkName ?? '')) ?? content) : content;
        const what = isFile
          ? `file ${textOf(bytes.subarray(0, type === 'hardlink' ? undefined : size))}`
          : type === 'symlink'
            ? `link ${linkName}`
            : type;
        return [path, `${type === 'symlink' ? '' : `${mode.toString(8)} `}${uid}:${gid} ${what}`];
      })
      .filter(([path]) => path !== '' && !engines.test(path)),
  );
}

const plain = (name: string): string => name.replace(/^\.?\//, '').replace(/\/$/, '');

const textOf = (bytes: Buffer): string =>
  bytes.length <= 200 ? JSON.stringify(bytes.toString()) : createHash('sha256').update(bytes).digest('hex');

export function changesOf(base: Map<string, string>, tree: Map<string, string>): Record<string, string> {
  const changed = [...tree].filter(([path, what]) => base.get(path) !== what);
  const gone = [...base.keys()].filter((path) => !tree.has(path)).map((path) => [path, 'gone'] as const);
  return Object.fromEntries([...changed, ...gone].toSorted(([a], [b]) => (a < b ? -1 : 1)));
}

/** How many instructions of each kind that touch files a plain progress tells as cached: `COPY 1, RUN 2`. Words of titles are each builder's own. */
export function cachedSteps(progress: string): string {
  const titles = new Map<string, string>();
  const counts = new Map<string, number>();
  for (const line of progress.split('\n')) {
    const [, number = '', verb] = /^#(\d+) \[[^\]]*\] (RUN|COPY|ADD|WORKDIR)\b/.exec(line) ?? [];
    if (verb !== undefined) titles.set(number, verb);
    const hit = titles.get(/^#(\d+) CACHED$/.exec(line)?.[1] ?? '');
    if (hit !== undefined) counts.set(hit, (counts.get(hit) ?? 0) + 1);
  }
  return [...counts]
    .map(([verb, count]) => `${verb} ${count}`)
    .toSorted()
    .join(', ');
}

/** What counts of a configuration; absent and empty are one. */
export function configOf(config: object): Record<string, unknown> {
  const kept =
    'User ExposedPorts Env Entrypoint Cmd Healthcheck Volumes WorkingDir OnBuild Labels StopSignal Shell'.split(
      ' ',
    );
  return Object.fromEntries(
    Object.entries(config).filter(
      ([key, value]) =>
        kept.includes(key) &&
        value !== null &&
        value !== '' &&
        (typeof value !== 'object' || Object.keys(value as object).length > 0),
    ),
  );
}
