import { invalid } from '../../../../foundation/base/errors.ts';
import type { SystemDfJson } from '../../../../foundation/wire/docker/system.ts';
import type { BuildCacheJson } from '../../../../foundation/wire/silo/builds.ts';
import { defineCommand } from '../../command.ts';
import { formatTableOption } from '../../output/option-specs.ts';
import { formatRows } from '../../output/rows.ts';
import type { Row } from '../../output/rows.ts';
import { formatSize } from '../../output/units.ts';
import { cacheHeaders, cacheRow } from '../build/cache-ls.ts';
import { imageHeaders, imageRows } from '../images.ts';
import { containerHeaders, containerRow } from '../ps.ts';
import { volumeHeaders, volumeRow } from '../volume/ls.ts';

const headers = {
  Type: 'TYPE',
  TotalCount: 'TOTAL',
  Active: 'ACTIVE',
  Size: 'SIZE',
  Reclaimable: 'RECLAIMABLE',
};

const table = '{{.Type}}\t{{.TotalCount}}\t{{.Active}}\t{{.Size}}\t{{.Reclaimable}}';

export const command = defineCommand({
  name: 'system df',
  summary: 'Show how much of the disk is used',
  usage: '',
  options: {
    format: formatTableOption,
    verbose: { kind: 'bool', short: 'v', summary: 'Show detailed information on space usage' },
  },
  args: { min: 0, max: 0 },
  examples: ['silo system df', 'silo system df -v'],
  async run({ options, io, client }) {
    if (options.verbose && options.format !== '')
      throw invalid('the verbose and the format options conflict');
    const usage = await (await client()).system.df();
    io.stdout.write(
      options.verbose
        ? formatVerbose(usage, io.now())
        : formatRows(summaries(usage), options.format, { headers, table }),
    );
    return 0;
  },
});

function summaries(usage: SystemDfJson): Row[] {
  const images = usage.Images ?? [];
  const containers = usage.Containers ?? [];
  const volumes = usage.Volumes ?? [];
  const cache = usage.BuildCache ?? [];
  const sum = (sizes: readonly number[]): number =>
    sizes.reduce((total, size) => total + Math.max(0, size), 0);
  const used = images.filter((image) => image.Containers > 0);
  const layers = usage.LayersSize ?? 0;
  const usedLayers = sum(used.map((image) => image.Size - Math.max(0, image.SharedSize)));
  const running = containers.filter(({ State: state }) =>
    ['running', 'paused', 'restarting'].includes(state),
  );
  const stopped = containers.filter((container) => !running.includes(container));
  const volumesInUse = volumes.filter((volume) => (volume.UsageData?.RefCount ?? 0) > 0);
  const freeVolumes = volumes.filter((volume) => !volumesInUse.includes(volume));
  const volumeSizes = (list: typeof volumes): number =>
    sum(list.map((volume) => volume.UsageData?.Size ?? 0));
  return [
    summary('Images', images.length, used.length, layers, layers - usedLayers),
    summary(
      'Containers',
      containers.length,
      running.length,
      sum(containers.map((container) => container.SizeRw ?? 0)),
      sum(stopped.map((container) => container.SizeRw ?? 0)),
    ),
    summary(
      'Local Volumes',
      volumes.length,
      volumesInUse.length,
      volumeSizes(volumes),
      volumeSizes(freeVolumes),
    ),
    summary(
      'Build Cache',
      cache.length,
      cache.filter((entry) => entry.InUse).length,
      cacheBytes(cache),
      cacheBytes(cache.filter((entry) => !entry.InUse)),
    ),
  ];
}

function summary(type: string, total: number, active: number, size: number, reclaimable: number): Row {
  const free = formatSize(Math.max(0, reclaimable), 4);
  const percent = size > 0 ? ` (${Math.trunc((Math.max(0, reclaimable) * 100) / size)}%)` : '';
  return {
    Type: type,
    TotalCount: String(total),
    Active: String(active),
    Size: formatSize(size, 4),
    Reclaimable: type === 'Build Cache' ? free : `${free}${percent}`,
  };
}

function formatVerbose(usage: SystemDfJson, now: number): string {
  const images = (usage.Images ?? []).flatMap((image) =>
    imageRows(image, { full: false, digests: false, now }),
  );
  const containers = (usage.Containers ?? []).map((container) =>
    containerRow(container, { full: false, now }),
  );
  const parts = [
    'Images space usage:\n',
    formatRows(images, '', {
      headers: imageHeaders,
      table:
        '{{.Repository}}\t{{.Tag}}\t{{.ID}}\t{{.CreatedSince}}\t{{.Size}}\t{{.SharedSize}}\t{{.UniqueSize}}\t{{.Containers}}',
    }),
    'Containers space usage:\n',
    formatRows(containers, '', {
      headers: containerHeaders,
      table:
        '{{.ID}}\t{{.Image}}\t{{.Command}}\t{{.LocalVolumes}}\t{{.Size}}\t{{.RunningFor}}\t{{.Status}}\t{{.Names}}',
    }),
    'Local Volumes space usage:\n',
    formatRows((usage.Volumes ?? []).map(volumeRow), '', {
      headers: volumeHeaders,
      table: '{{.Name}}\t{{.Links}}\t{{.Size}}',
    }),
  ];
  const cache = usage.BuildCache ?? [];
  const entries = cache.map((entry) => cacheRow(entry, { full: false, now }));
  const list = formatRows(entries, '', {
    headers: { ...cacheHeaders, Type: 'CACHE TYPE' },
    table:
      '{{.ID}}\t{{.Type}}\t{{.Size}}\t{{.CreatedSince}}\t{{.LastUsedSince}}\t{{.UsageCount}}\t{{.Shared}}',
  });
  return `${parts.join('\n')}\nBuild cache usage: ${formatSize(cacheBytes(cache))}\n\n${list}`;
}

/** As Docker counts: what images have too is theirs. */
const cacheBytes = (entries: readonly BuildCacheJson[]): number =>
  entries.filter((entry) => !entry.Shared).reduce((total, { Size: size }) => total + Math.max(0, size), 0);
