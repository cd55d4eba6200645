import type {
  ImageManifestJson,
  ImageSummaryJson,
  PlatformJson,
} from '../../../foundation/wire/docker/image.ts';
import { alignTabs } from './tabs.ts';
import { shortId } from './text.ts';
import { formatSize } from './units.ts';

/** `images --tree`: each image, below it the platforms of its index. Sizes of what is here: unpacked and as it was transferred. `U`: a container uses it. */
export function formatPlatformTree(images: readonly ImageSummaryJson[]): string {
  const lines = images.flatMap((image) => {
    const platforms = (image.Manifests ?? []).filter(({ Kind }) => Kind === 'image');
    const sum = (part: (manifest: ImageManifestJson) => number): number =>
      (image.Manifests ?? []).reduce((total, manifest) => total + part(manifest), 0);
    const [name = '<untagged>', ...others] = image.RepoTags;
    const isUsed = platforms.some(({ ImageData }) => (ImageData?.Containers.length ?? 0) > 0);
    const row = line(name, image.Id, {
      total: sum(({ Size }) => Size.Total),
      content: sum(({ Size }) => Size.Content),
      isUsed,
    });
    const isIndex = (image.Manifests ?? []).length > 1;
    return [
      row,
      ...others.map((other) => `${other}\t\t\t\t`),
      ...(isIndex ? platforms.map((each, place) => platformLine(each, place === platforms.length - 1)) : []),
    ];
  });
  return `${alignTabs(['IMAGE\tID\tDISK USAGE\tCONTENT SIZE\tEXTRA', ...lines].join('\n'))}\n`;
}

function platformLine({ ID, Available, ImageData, Size }: ImageManifestJson, isLast: boolean): string {
  const name = `${isLast ? '└─' : '├─'} ${ImageData ? platformText(ImageData.Platform) : ''}`;
  return line(name, ID, {
    total: Size.Total,
    content: Size.Content,
    isUsed: (ImageData?.Containers.length ?? 0) > 0,
    isAbsent: !Available && Size.Total === 0,
  });
}

function line(
  name: string,
  id: string,
  sizes: { total: number; content: number; isUsed: boolean; isAbsent?: boolean },
): string {
  const size = (bytes: number): string => (sizes.isAbsent ? '-' : formatSize(bytes));
  return [name, shortId(id), size(sizes.total), size(sizes.content), sizes.isUsed ? 'U' : ''].join('\t');
}

const platformText = ({ os, architecture, variant }: PlatformJson): string =>
  [os, architecture, variant].filter(Boolean).join('/');
