import { type IgnoreMatcher, parseIgnoreFile } from '../language/ignore/ignore.ts';
import { sourceLimits } from '../language/text/limits.ts';
import { readWhole, type Tree, type TreeEntry } from '../solve/files/tree.ts';

/** Undefined for what is no file, or too long to be a list that a person wrote. */
export async function readIgnoreFile(
  tree: Tree,
  entry: TreeEntry | undefined,
  name: string,
): Promise<IgnoreMatcher | undefined> {
  if (entry?.type !== 'file' || entry.size > sourceLimits.bytes) return undefined;
  return parseIgnoreFile((await readWhole(tree, entry)).toString(), name);
}
