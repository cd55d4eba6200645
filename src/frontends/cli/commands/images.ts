import type { ImageSummaryJson } from '../../../foundation/wire/docker/image.ts';
import { invalid } from '../../../foundation/base/errors.ts';
import { defineCommand } from '../command.ts';
import { formatTableOption } from '../output/option-specs.ts';
import { formatPlatformTree } from '../output/platform-tree.ts';
import { formatList, type Row } from '../output/rows.ts';
import { shortId } from '../output/text.ts';
import { formatAge, formatLocalTime, formatSize } from '../output/units.ts';
import { collectFilters } from '../parse/filters.ts';

export const imageHeaders = {
  ID: 'IMAGE ID',
  Repository: 'REPOSITORY',
  Tag: 'TAG',
  Digest: 'DIGEST',
  CreatedSince: 'CREATED',
  CreatedAt: 'CREATED AT',
  Size: 'SIZE',
  Containers: 'CONTAINERS',
  VirtualSize: 'SIZE',
  SharedSize: 'SHARED SIZE',
  UniqueSize: 'UNIQUE SIZE',
};

const table = '{{.Repository}}\t{{.Tag}}\t{{.ID}}\t{{.CreatedSince}}\t{{.Size}}';
const digestTable = '{{.Repository}}\t{{.Tag}}\t{{.Digest}}\t{{.ID}}\t{{.CreatedSince}}\t{{.Size}}';

export const command = defineCommand({
  name: 'images',
  summary: 'List images',
  usage: '[REPOSITORY[:TAG]]',
  aliases: ['image ls', 'image list', 'images'],
  options: {
    all: { kind: 'bool', short: 'a', summary: 'Show all images (default hides intermediate images)' },
    digests: { kind: 'bool', summary: 'Show digests' },
    filter: { kind: 'filter', short: 'f', summary: 'Filter output based on conditions provided' },
    format: formatTableOption,
    'no-trunc': { kind: 'bool', summary: "Don't truncate output" },
    quiet: { kind: 'bool', short: 'q', summary: 'Only show image IDs' },
    tree: { kind: 'bool', summary: 'List multi-platform images as a tree (EXPERIMENTAL)' },
  },
  args: { min: 0, max: 1 },
  formatPreference: 'imagesFormat',
  completion: 'images',
  examples: ['silo images', 'silo images --filter dangling=true -q', 'silo images --tree'],
  async run({ options, args, given, io, client }) {
    const filters = collectFilters(options.filter);
    const [name] = args;
    if (options.tree && (options.quiet || options['no-trunc'] || options.format !== '' || options.digests))
      throw invalid('conflicting options: --tree takes neither --quiet, --no-trunc, --digests nor --format');
    const images = await (
      await client()
    ).images.list({
      all: options.all,
      ...(options.tree ? { manifests: true } : {}),
      filters:
        name === undefined ? filters : { ...filters, reference: [...(filters['reference'] ?? []), name] },
    });
    images.sort((a, b) => b.Created - a.Created);
    if (options.tree) {
      io.stdout.write(formatPlatformTree(images));
      return 0;
    }
    const digests = options.digests || options.format.includes('.Digest');
    const rows = images.flatMap((image) =>
      imageRows(image, { full: options['no-trunc'], digests, now: io.now() }),
    );
    const shape = { headers: imageHeaders, table: options.digests ? digestTable : table };
    io.stdout.write(formatList(rows, { options, given }, shape));
    return 0;
  },
});

/** A line for each name (and, with digests, for each pair of name and digest). */
export function imageRows(
  image: ImageSummaryJson,
  { full, digests, now }: { full: boolean; digests: boolean; now: number },
): Row[] {
  const row = (repository: string, tag: string, digest: string): Row => ({
    ID: full ? image.Id : shortId(image.Id),
    Repository: repository,
    Tag: tag,
    Digest: digest,
    CreatedSince: image.Created > 0 ? `${formatAge(now - image.Created * 1000)} ago` : 'N/A',
    CreatedAt: formatLocalTime(image.Created),
    Size: formatSize(image.Size),
    VirtualSize: formatSize(image.Size, 4),
    Containers: image.Containers < 0 ? 'N/A' : String(image.Containers),
    SharedSize: image.SharedSize < 0 ? 'N/A' : formatSize(image.SharedSize, 4),
    UniqueSize: image.SharedSize < 0 ? 'N/A' : formatSize(image.Size - image.SharedSize, 4),
  });
  const none = '<none>';
  const tags = (image.RepoTags ?? []).filter((tag) => tag !== '<none>:<none>').map(splitTag);
  const known = (image.RepoDigests ?? []).filter((name) => !name.startsWith('<none>@')).map(splitDigest);
  const rows = tags.flatMap(([repository, tag]) => {
    const own = known.filter(([name]) => name === repository);
    return digests && own.length > 0
      ? own.map(([, digest]) => row(repository, tag, digest))
      : [row(repository, tag, none)];
  });
  const untagged = known.filter(([name]) => !tags.some(([repository]) => repository === name));
  rows.push(...untagged.map(([repository, digest]) => row(repository, none, digest)));
  return rows.length > 0 ? rows : [row(none, none, none)];
}

function splitTag(name: string): [string, string] {
  const colon = name.lastIndexOf(':');
  return [name.slice(0, colon), name.slice(colon + 1)];
}

function splitDigest(name: string): [string, string] {
  const at = name.indexOf('@');
  return [name.slice(0, at), name.slice(at + 1)];
}
