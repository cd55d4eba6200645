import type { PathStat } from '../../../../../engine/container/files/files.ts';
import { invalid } from '../../../../../foundation/base/errors.ts';
import { formatTimeNs } from '../../../translate/times.ts';

/** Bits of Go's `os.FileMode` beside the permissions; the kernel's type and set-id bits by their values. */
const typeBits: Readonly<Record<number, number>> = {
  0o040000: 2 ** 31,
  0o120000: 2 ** 27,
  0o060000: 2 ** 26,
  0o020000: 2 ** 26 + 2 ** 21,
  0o010000: 2 ** 25,
  0o140000: 2 ** 24,
};

function toGoMode(mode: number): number {
  return (
    (mode & 0o777) +
    (typeBits[mode & 0o170000] ?? 0) +
    (mode & 0o4000 ? 2 ** 23 : 0) +
    (mode & 0o2000 ? 2 ** 22 : 0) +
    (mode & 0o1000 ? 2 ** 20 : 0)
  );
}

export const pathStatHeader = 'X-Docker-Container-Path-Stat';

/** The header's value: JSON in base64. */
export function encodePathStat(stat: PathStat): string {
  const { name, sizeBytes, mode, modifiedAtNs, linkTarget } = stat;
  const json = {
    name,
    size: sizeBytes,
    mode: toGoMode(mode),
    mtime: formatTimeNs(modifiedAtNs),
    linkTarget,
  };
  return Buffer.from(JSON.stringify(json)).toString('base64');
}

/** The parameter `path`, which every request for an archive must have. */
export function archivePath(query: URLSearchParams): string {
  const path = query.get('path') ?? '';
  // The real one's words, without a space.
  if (path === '') throw invalid('bad parameter: pathcannot be empty', { code: 'no-path' });
  return path;
}
