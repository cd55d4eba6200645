import { createHash } from 'node:crypto';
import { invalid } from '../../../../foundation/base/errors.ts';
import { throwIfAborted } from '../../../../foundation/base/deadline.ts';
import { nearest } from '../../../../foundation/base/nearest.ts';
import { createPace } from '../../../../foundation/base/pace.ts';
import { hasPattern, namesBeside, select, type Selected, type Selecting } from './select.ts';
import type { Tree, TreeEntry } from './tree.ts';

/** Where a source of COPY is looked for. */
export interface Place {
  tree: Tree;
  /** Of the client, not of a stage: its owners do not count. */
  isLocal: boolean;
  /** The instruction, for messages. */
  title: string;
}

/** What a source means. Kind `invalid` when there is nothing of the kind; patterns may match nothing, as in BuildKit. */
export function mustSelect({ tree, isLocal, title }: Place, path: string, selecting: Selecting): Selected[] {
  const found = select(tree, path, selecting);
  if (found.length > 0 || hasPattern(path)) return found;
  const verb = title.split(' ', 1)[0] || 'COPY';
  const shown = path.slice(0, 400);
  const where = isLocal ? 'file not found in build context or excluded by .dockerignore: ' : '';
  const name = /[^/]*\/*$/.exec(path)?.[0].replace(/\/+$/, '') ?? '';
  const [meant] = nearest(name, namesBeside(tree, path), 1);
  const hint =
    meant === undefined ? {} : { hint: `did you mean ${path.slice(0, -name.length || undefined)}${meant}?` };
  throw invalid(`${verb} failed: ${where}stat ${shown}: file does not exist`, {
    code: 'no-such-source',
    ...hint,
  });
}

/** What counts of files: content, modes, links and, of stages, owners. Never times, and not by which way they came about. */
export async function digestOf(
  place: Place,
  paths: readonly string[],
  { signal, ...selecting }: Selecting & { signal?: AbortSignal | undefined },
): Promise<string> {
  const found = paths.flatMap((path) => mustSelect(place, path, selecting));
  return await digestOfFiles(
    found.map((each) => ({ ...each, ...place })),
    signal,
  );
}

export async function digestOfFiles(
  files: readonly (Selected & Omit<Place, 'title'>)[],
  signal: AbortSignal | undefined,
): Promise<string> {
  const pace = createPace();
  const hash = createHash('sha256');
  for (const { name, entry, below, tree, isLocal } of files) {
    const add = async (path: string, each: TreeEntry): Promise<void> => {
      const turn = pace();
      if (turn) {
        await turn;
        throwIfAborted(signal, 'looking at the files of the build');
      }
      const digest = each.type === 'file' && each.digest === '' ? await tree.digest?.(each) : each.digest;
      hash.update(`${JSON.stringify([path, ...facts(each, isLocal), digest])}\n`);
    };
    await add(name, entry);
    for (const [path, each] of below()) await add(path, each);
    hash.update('\n');
  }
  return hash.digest('hex');
}

const facts = (entry: TreeEntry, isLocal: boolean): unknown[] => {
  const { type, mode, uid, gid, linkName, devMajor, devMinor, xattrs } = entry;
  const attributes = [...(xattrs ?? [])].map(([name, value]) => `${name} ${value.toString('hex')}`);
  return [type, mode, linkName, devMajor, devMinor, attributes.toSorted(), ...(isLocal ? [] : [uid, gid])];
};
