import type { ImageLayersJson } from '../../../foundation/wire/silo/manifests.ts';
import { shortId } from './text.ts';
import { formatSize } from './units.ts';

interface Node {
  id: string;
  size: number;
  images: ImageLayersJson[];
  /** Images that have this layer, here or further up. */
  users: number;
  children: Map<string, Node>;
}

/**
 * Layers from the lowest up, each once, with the images that end there. Behind a layer its size, and how many images share it; behind an image its size and
 * what of it no other image has. `wanted` shows those images only; what is shared is told of all.
 */
export function formatLayerTree(
  all: readonly ImageLayersJson[],
  { wanted, full }: { wanted: ReadonlySet<string> | undefined; full: boolean },
): string {
  const root: Node = { id: '', size: 0, images: [], users: 0, children: new Map() };
  for (const image of all) addImage(root, image);
  const id = (text: string): string => (full ? text : shortId(text));
  const lines: string[] = [];
  const isWanted = (image: ImageLayersJson): boolean => wanted === undefined || wanted.has(image.Id);
  const hasWanted = (node: Node): boolean =>
    node.images.some(isWanted) || [...node.children.values()].some(hasWanted);
  const walk = (node: Node, indent: string, own: number): void => {
    const entries = [
      ...node.images.filter(isWanted).map((image) => ({ image })),
      ...[...node.children.values()].filter(hasWanted).map((child) => ({ child })),
    ];
    entries.forEach((entry, place) => {
      const isLast = place === entries.length - 1;
      const start = indent + (node === root ? '' : isLast ? '└─ ' : '├─ ');
      const below = indent + (node === root ? '' : isLast ? '   ' : '│  ');
      if ('image' in entry) {
        const name = entry.image.RepoTags.join(', ') || '<none>';
        lines.push(
          `${start}${name} ${id(entry.image.Id)} ${formatSize(entry.image.Size)}, ${formatSize(own)} of its own`,
        );
        return;
      }
      const { child } = entry;
      const shared = child.users > 1 ? `, shared by ${child.users}` : '';
      lines.push(`${start}layer ${id(child.id)} ${formatSize(child.size)}${shared}`);
      walk(child, below, child.users > 1 ? 0 : own + child.size);
    });
  };
  walk(root, '', 0);
  return lines.map((line) => `${line}\n`).join('');
}

function addImage(root: Node, image: ImageLayersJson): void {
  let node = root;
  for (const { ID, Size } of image.Layers) {
    const child = node.children.get(ID) ?? { id: ID, size: Size, images: [], users: 0, children: new Map() };
    child.users++;
    node.children.set(ID, child);
    node = child;
  }
  node.images.push(image);
}
